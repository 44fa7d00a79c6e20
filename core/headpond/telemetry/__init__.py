"""What happens, made visible: the same facts as metrics, and later as logs and traces."""
