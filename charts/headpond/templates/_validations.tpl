{{/* What the schema can't say: values that contradict each other, or can't be what they stand for. One sentence each. */}}

{{- define "headpond.validations" -}}
{{- $say := list -}}
{{- range list "redis" "secrets" "operator" "api" "queues" -}}
{{- $found := include (printf "headpond.validations.%s" .) $ -}}
{{- $say = concat $say (fromJsonArray $found) -}}
{{- end -}}
{{- if $say -}}
{{- printf "\n\nThese values can't be installed:\n- %s\n\nEvery value: docs/reference/chart.md" (join "\n- " $say) | fail -}}
{{- end -}}
{{- end -}}

{{- define "headpond.validations.redis" -}}
{{- $say := list -}}
{{- $external := .Values.externalRedis -}}
{{- $given := or $external.url $external.existingSecret $external.host $external.nodes -}}
{{- $parts := or $external.host $external.nodes -}}
{{- if not (or .Values.redis.enabled $given) -}}
{{- $say = append $say "redis.enabled is false and externalRedis says nothing: give externalRedis.url, .host, .nodes or .existingSecret, or leave redis.enabled true." -}}
{{- end -}}
{{- if and .Values.redis.enabled $given -}}
{{- $say = append $say "redis.enabled is true and externalRedis names another Redis: set redis.enabled=false to use that one." -}}
{{- end -}}
{{- if and $external.url $parts -}}
{{- $say = append $say "externalRedis.url is the whole address; leave out externalRedis.host and .nodes." -}}
{{- end -}}
{{- if and $external.url $external.existingSecret -}}
{{- $say = append $say "externalRedis.url and externalRedis.existingSecret both give the address; keep one." -}}
{{- end -}}
{{- if and $external.password $external.existingSecret -}}
{{- $say = append $say "externalRedis.password and externalRedis.existingSecret both give the password; keep one." -}}
{{- end -}}
{{- if and $external.password (not $parts) -}}
{{- $say = append $say "externalRedis.password needs externalRedis.host or .nodes; in externalRedis.url the password stands in the address." -}}
{{- end -}}
{{- if $external.url -}}
{{- if not (regexMatch "^(rediss?(\\+sentinel|\\+cluster)?://|unix:///)" $external.url) -}}
{{- $say = append $say "externalRedis.url must begin with redis://, rediss:// (TLS), redis+sentinel:// or redis+cluster:// (docs/howto/connect-to-redis.md)." -}}
{{- end -}}
{{- end -}}
{{- if and $external.host (contains ":" $external.host) (not (hasPrefix "[" $external.host)) -}}
{{- $say = append $say (printf "externalRedis.host is %q; the port goes to externalRedis.port, an IPv6 address into brackets, a whole address to externalRedis.url." $external.host) -}}
{{- end -}}
{{- if $parts -}}
{{- if eq $external.mode "single" -}}
{{- if $external.nodes -}}
{{- $say = append $say "externalRedis.nodes are for mode sentinel or cluster; a single Redis is externalRedis.host." -}}
{{- end -}}
{{- else if $external.host -}}
{{- $say = append $say (printf "externalRedis.mode %s needs externalRedis.nodes, and not .host." $external.mode) -}}
{{- end -}}
{{- if and (eq $external.mode "sentinel") (not $external.master) -}}
{{- $say = append $say "externalRedis.mode sentinel needs externalRedis.master, what the sentinels call the primary." -}}
{{- end -}}
{{- if and (eq $external.mode "cluster") (ne (int $external.database) 0) -}}
{{- $say = append $say (printf "externalRedis.database is %d, and a cluster has the database 0 alone; redisNamespace keeps installations apart." (int $external.database)) -}}
{{- end -}}
{{- else if ne $external.mode "single" -}}
{{- $say = append $say (printf "externalRedis.mode is %s, and no externalRedis.nodes are given." $external.mode) -}}
{{- end -}}
{{- if not (regexMatch "^(?i)[1-9][0-9]*([kmg]b?)?$" .Values.redis.maxMemory) -}}
{{- $say = append $say (printf "redis.maxMemory is %q; Redis writes it as 256mb or 1gb." .Values.redis.maxMemory) -}}
{{- end -}}
{{- if and (ne $external.mode "sentinel") $external.master -}}
{{- $say = append $say "externalRedis.master is for mode sentinel alone." -}}
{{- end -}}
{{- if and (or $external.tls.caSecret $external.tls.clientSecret) (not $external.tls.enabled) -}}
{{- $say = append $say "externalRedis.tls.caSecret and .clientSecret need externalRedis.tls.enabled=true." -}}
{{- end -}}
{{- $say | toJson -}}
{{- end -}}

{{- define "headpond.validations.secrets" -}}
{{- $say := list -}}
{{- range $name, $secret := dict "apiKey" .Values.apiKey "encryptionKeys" .Values.encryptionKeys -}}
{{- if and $secret.value $secret.existingSecret -}}
{{- $say = append $say (printf "%s.value and %s.existingSecret are both given; keep one." $name $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.database.url .Values.database.existingSecret -}}
{{- $say = append $say "database.url and database.existingSecret are both given; keep one." -}}
{{- end -}}
{{- if .Values.database.url -}}
{{- if not (contains "://" .Values.database.url) -}}
{{- $say = append $say "database.url is no URL; write postgresql://user:password@host:5432/name." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.redis.auth.password .Values.redis.auth.existingSecret -}}
{{- $say = append $say "redis.auth.password and redis.auth.existingSecret are both given; keep one." -}}
{{- end -}}
{{- range $name, $secret := dict "apiKey.value" .Values.apiKey.value "redis.auth.password" .Values.redis.auth.password -}}
{{- if $secret -}}
{{- if lt (len $secret) 16 -}}
{{- $say = append $say (printf "%s has %d characters; give at least 16, or none: then one is made." $name (len $secret)) -}}
{{- end -}}
{{- if regexMatch "\\s" $secret -}}
{{- $say = append $say (printf "%s has a space or a line's end in it." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.encryptionKeys.value -}}
{{- range splitList "," .Values.encryptionKeys.value -}}
{{- if not (regexMatch "^\\s*[A-Za-z0-9._-]+:[A-Za-z0-9+/_-]{43}=?\\s*$" .) -}}
{{- $say = append $say "encryptionKeys.value must be id:key by commas, a key being 32 bytes in base64 (44 characters)." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $image := dict "api" .Values.api.image "operator" .Values.operator.image "worker" .Values.worker.image "redis" .Values.redis.image -}}
{{- if $image.digest -}}
{{- if not (regexMatch "^sha256:[0-9a-f]{64}$" $image.digest) -}}
{{- $say = append $say (printf "%s.image.digest is %q; it must be sha256: and 64 hexadecimal digits." $name $image.digest) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- uniq $say | toJson -}}
{{- end -}}

{{- define "headpond.validations.operator" -}}
{{- $say := list -}}
{{- if and .Values.operator.clusterWide .Values.operator.watchNamespaces -}}
{{- $say = append $say "operator.clusterWide watches every namespace; leave out operator.watchNamespaces." -}}
{{- end -}}
{{- range .Values.operator.watchNamespaces -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" .) -}}
{{- $say = append $say (printf "operator.watchNamespaces has %q, which is no name of a namespace; for all of them set operator.clusterWide." .) -}}
{{- end -}}
{{- end -}}
{{- range .Values.apps -}}
{{- if not (regexMatch "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$" .) -}}
{{- $say = append $say (printf "apps has %q, which is no name of a Python module, such as headpond_school." .) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[A-Za-z0-9._-]+$" .Values.redisNamespace) -}}
{{- $say = append $say (printf "redisNamespace is %q; use letters, digits and ._- alone." .Values.redisNamespace) -}}
{{- end -}}
{{- $say | toJson -}}
{{- end -}}

{{- define "headpond.validations.api" -}}
{{- $say := list -}}
{{- with .Values.api -}}
{{- if and .ingress.enabled (not .ingress.hosts) -}}
{{- $say = append $say "api.ingress.enabled needs a host name in api.ingress.hosts." -}}
{{- end -}}
{{- if and .httpRoute.enabled (not .httpRoute.parentRefs) -}}
{{- $say = append $say "api.httpRoute.enabled needs a Gateway in api.httpRoute.parentRefs, such as [{name: public}]." -}}
{{- end -}}
{{- if gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas) -}}
{{- $say = append $say (printf "api.autoscaling.minReplicas %d is more than maxReplicas %d." (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) -}}
{{- end -}}
{{- if and (not .enabled) (or .ingress.enabled .httpRoute.enabled) -}}
{{- $say = append $say "api.enabled is false, so api.ingress and api.httpRoute have nothing to lead to." -}}
{{- end -}}
{{- end -}}
{{- $say | toJson -}}
{{- end -}}

{{- define "headpond.validations.queues" -}}
{{- $say := list -}}
{{- range $name, $spec := .Values.queues -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9.]{0,55}[a-z0-9])?$" $name) -}}
{{- $say = append $say (printf "queues has %q: Kubernetes wants lower-case letters, digits, - and ., at most 57 of them; another name for the queue itself goes to queues.<name>.queue." $name) -}}
{{- end -}}
{{- with $spec -}}
{{- if hasKey . "replicas" -}}
{{- if ne (get (default dict .scaling) "mode" | toString) "Manual" -}}
{{- $say = append $say (printf "queues.%s.replicas is only obeyed with scaling.mode Manual; otherwise the operator decides." $name) -}}
{{- end -}}
{{- end -}}
{{- if hasKey . "spec" -}}
{{- $say = append $say (printf "queues.%s holds a spec: write what is in it directly below queues.%s." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $say | toJson -}}
{{- end -}}
