{{/* What objects are called, and the labels by which they are found. */}}

{{- define "headpond.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for `-worker-template`, and for the hash that a StatefulSet's pods carry in a label. */}}
{{- define "headpond.fullname" -}}
{{- $name := include "headpond.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Never change these: selectors can't be changed by an upgrade. Takes a dict of root and component. */}}
{{- define "headpond.selectorLabels" -}}
app.kubernetes.io/name: {{ include "headpond.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Takes a dict of root and component. */}}
{{- define "headpond.labels" -}}
{{ include "headpond.selectorLabels" . }}
app.kubernetes.io/part-of: headpond
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Pods don't carry the chart's version: a new chart alone is no reason to restart anything. */}}
{{- define "headpond.podLabels" -}}
{{ include "headpond.selectorLabels" (dict "root" .root "component" .component) }}
app.kubernetes.io/part-of: headpond
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with .of.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* How the pods of workers are found; the operator gives them these labels. */}}
{{- define "headpond.workerSelector" -}}
app.kubernetes.io/name: headpond-worker
app.kubernetes.io/managed-by: headpond
{{- end -}}

{{/* Takes a dict of root and component. */}}
{{- define "headpond.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.name -}}
{{- $account.name -}}
{{- else if $account.create -}}
{{- printf "%s-%s" (include "headpond.fullname" .root) .component -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* An image of ours. Takes a dict of root and component. */}}
{{- define "headpond.image" -}}
{{- $image := (index .root.Values .component).image -}}
{{- $name := $image.repository -}}
{{- with .root.Values.image.registry -}}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (coalesce $image.tag .root.Values.image.tag .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The image of Redis or Valkey. */}}
{{- define "headpond.redis.image" -}}
{{- $image := .Values.redis.image -}}
{{- $name := $image.repository -}}
{{- with $image.registry -}}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name $image.tag -}}
{{- end -}}
{{- end -}}

{{/* The release's namespace and those that the operator watches beside it, as JSON. */}}
{{- define "headpond.namespaces" -}}
{{- prepend .Values.operator.watchNamespaces .Release.Namespace | uniq | toJson -}}
{{- end -}}
