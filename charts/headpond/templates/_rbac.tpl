{{/* The rights of the operator, and no more. */}}

{{/* In each watched namespace. */}}
{{- define "headpond.operator.rules" -}}
- apiGroups: [headpond.dev]
  resources: [queueconfigs]
  verbs: [get, list, watch]
- apiGroups: [headpond.dev]
  resources: [queueconfigs/status]
  verbs: [patch]
# Delete for its own one, when the QueueConfig now names somebody else's in targetRef.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, patch]
# Patch for the cost of its deletion; delete for one that has acknowledged and was passed over.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch, delete]
# To stand down beside another autoscaler.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* In the release's namespace. A create can't be bound to a name: the API server doesn't know it yet. */}}
{{- define "headpond.operator.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ .Values.operator.leaseName }}]
  verbs: [get, update]
{{- end -}}

{{/* What HEADPOND_WATCH_NAMESPACES says. */}}
{{- define "headpond.watched" -}}
{{- if .Values.operator.clusterWide -}}
*
{{- else if .Values.operator.watchNamespaces -}}
{{- include "headpond.namespaces" . | fromJsonArray | join "," -}}
{{- end -}}
{{- end -}}
