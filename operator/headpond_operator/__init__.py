"""The operator: QueueConfig resources in, worker Deployments and their replicas out."""
