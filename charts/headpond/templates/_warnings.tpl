{{/* What works, and is perhaps not meant so: sentences for NOTES.txt, as JSON. */}}
{{- define "headpond.warnings" -}}
{{- $say := list -}}
{{- if not .Values.operator.enabled -}}
{{- $say = append $say "operator.enabled is false: nobody acts on QueueConfigs, so no worker is raised." -}}
{{- end -}}
{{- if not .Values.api.enabled -}}
{{- $say = append $say "api.enabled is false: jobs can only be enqueued from Python." -}}
{{- end -}}
{{- if and .Values.redis.enabled (not .Values.redis.persistence.enabled) -}}
{{- $say = append $say "redis.persistence.enabled is false: every job is lost when the Redis pod goes." -}}
{{- end -}}
{{- if not (or .Values.database.url .Values.database.existingSecret) -}}
{{- $say = append $say "No database is given: apps that keep rows, such as headpond_school, write them to SQLite in each pod's /tmp. The pods don't share it, and it is gone with the pod. Give database.url." -}}
{{- end -}}
{{- if not (or .Values.redis.enabled .Values.externalRedis.tls.enabled (hasPrefix "rediss" .Values.externalRedis.url) .Values.externalRedis.existingSecret) -}}
{{- $say = append $say "The way to Redis is not encrypted: set externalRedis.tls.enabled, or write rediss:// in externalRedis.url." -}}
{{- end -}}
{{- if .Values.operator.clusterWide -}}
{{- $say = append $say (printf "operator.clusterWide is true: in namespaces other than %s workers find none of the Secrets that the chart makes. Copy those that are named in the ConfigMap %s-worker-template, or give QueueConfigs an envFrom of their own." .Release.Namespace (include "headpond.fullname" .)) -}}
{{- end -}}
{{- if .Values.operator.watchNamespaces -}}
{{- $theirs := list .Values.encryptionKeys.existingSecret .Values.database.existingSecret -}}
{{- if .Values.redis.enabled -}}
{{- $theirs = append $theirs .Values.redis.auth.existingSecret -}}
{{- else -}}
{{- with .Values.externalRedis -}}
{{- $theirs = concat $theirs (list .existingSecret .tls.caSecret .tls.clientSecret) -}}
{{- end -}}
{{- end -}}
{{- range .Values.image.pullSecrets -}}
{{- $theirs = append $theirs .name -}}
{{- end -}}
{{- with compact $theirs | uniq -}}
{{- $say = append $say (printf "Workers in %s need Secrets there that the chart doesn't make: %s." (join ", " $.Values.operator.watchNamespaces) (join ", " .)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $image := dict "api" .Values.api.image "operator" .Values.operator.image "worker" .Values.worker.image -}}
{{- if and $image.digest $image.tag -}}
{{- $say = append $say (printf "%s.image.tag is not used, because %s.image.digest is given." $name $name) -}}
{{- end -}}
{{- if and (eq (coalesce $image.tag $.Values.image.tag "-") "latest") (not $image.digest) -}}
{{- $say = append $say (printf "The tag of the %s image is latest: nobody knows what runs, and a rollback changes nothing." $name) -}}
{{- end -}}
{{- end -}}
{{- $say | toJson -}}
{{- end -}}
