{{/* The pod template of every queue's workers: laid over the operator's own, and under a QueueConfig's spec.worker. */}}
{{- define "headpond.workerTemplate" -}}
{{- $worker := .Values.worker -}}
metadata:
  annotations:
    checksum/secrets: {{ include "headpond.secretsChecksum" . }}
    {{- with $worker.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    app.kubernetes.io/part-of: headpond
    app.kubernetes.io/instance: {{ .Release.Name }}
    app.kubernetes.io/component: worker
    {{- with .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $worker.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- with include "headpond.worker.accountName" . }}
  serviceAccountName: {{ . }}
  {{- end }}
  automountServiceAccountToken: false
  {{- with include "headpond.placement" (dict "root" . "of" $worker) }}
  {{- . | nindent 2 }}
  {{- end }}
  securityContext:
    {{- include "headpond.podSecurity" . | nindent 4 }}
  containers:
    - name: worker
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      env:
        {{- include "headpond.env" . | nindent 8 }}
        {{- include "headpond.env.jobs" . | nindent 8 }}
        {{- with $worker.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $worker.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml $worker.resources | nindent 8 }}
      securityContext:
        {{- include "headpond.containerSecurity" . | nindent 8 }}
      volumeMounts:
        {{- include "headpond.volumeMounts" . | nindent 8 }}
  volumes:
    {{- include "headpond.volumes" . | nindent 4 }}
{{- end -}}

{{/* Empty when the operator watches every namespace: no account that the chart makes is in all of them. */}}
{{- define "headpond.worker.accountName" -}}
{{- $account := .Values.worker.serviceAccount -}}
{{- if $account.name -}}
{{- $account.name -}}
{{- else if not .Values.operator.clusterWide -}}
{{- include "headpond.serviceAccountName" (dict "root" . "component" "worker") -}}
{{- end -}}
{{- end -}}
