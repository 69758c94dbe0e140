{{/* What templates share: names, labels, where TLS ends, and the configuration file. */}}

{{- define "roadstead.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "roadstead.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "roadstead.labels" -}}
{{ include "roadstead.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "roadstead.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "roadstead.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* "true" where Roadstead itself speaks TLS: TLS is on, and no ingress ends it. */}}
{{- define "roadstead.ownTls" -}}
{{- if and .Values.expose.tls.enabled (ne .Values.expose.type "ingress") -}}true{{- end -}}
{{- end -}}

{{/* The secret with the certificate; empty where the ingress controller has its own. */}}
{{- define "roadstead.tlsSecret" -}}
{{- $tls := .Values.expose.tls -}}
{{- if $tls.enabled -}}
{{- if eq $tls.certSource "secret" -}}
{{- required "expose.tls.secret.secretName is needed with certSource: secret" $tls.secret.secretName -}}
{{- else if eq $tls.certSource "auto" -}}
{{- printf "%s-tls" (include "roadstead.fullname" .) -}}
{{- else if include "roadstead.ownTls" . -}}
{{- fail "expose.tls.certSource: none is for an ingress, which has a certificate of its own; use auto or secret" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The section of `expose` that counts for the service; an ingress stands before a clusterIP. */}}
{{- define "roadstead.serviceName" -}}
{{- $type := ternary "clusterIP" .Values.expose.type (eq .Values.expose.type "ingress") -}}
{{- (index .Values.expose $type).name | default (include "roadstead.fullname" .) -}}
{{- end -}}

{{- define "roadstead.claim" -}}
{{- .Values.persistence.persistentVolumeClaim.registry.existingClaim | default (include "roadstead.fullname" .) -}}
{{- end -}}

{{/* roadstead.yml. Secrets are in it by the names of variables alone. */}}
{{- define "roadstead.config" -}}
{{- $values := .Values -}}
{{- $config := dict "external_url" $values.externalURL "data_volume" "/var/lib/roadstead" "log" (dict "level" $values.logLevel "format" "json") -}}
{{- $_ := set $config "http" (dict "address" "0.0.0.0" "port" 8080) -}}
{{- if include "roadstead.ownTls" . -}}
{{- $_ := set $config "https" (dict "address" "0.0.0.0" "port" 8443 "certificate" "/etc/roadstead/tls/tls.crt" "private_key" "/etc/roadstead/tls/tls.key") -}}
{{- end -}}
{{- with $values.trustedProxies }}{{- $_ := set $config "trusted_proxies" . -}}{{- end -}}
{{- with $values.proxy -}}
{{- if or .httpProxy .httpsProxy -}}
{{- $proxy := dict "components" .components -}}
{{- with .httpProxy }}{{- $_ := set $proxy "http_proxy" . -}}{{- end -}}
{{- with .httpsProxy }}{{- $_ := set $proxy "https_proxy" . -}}{{- end -}}
{{- with .noProxy }}{{- $_ := set $proxy "no_proxy" . -}}{{- end -}}
{{- $_ := set $config "proxy" $proxy -}}
{{- end -}}
{{- end -}}
{{- if eq $values.database.type "external" -}}
{{- with $values.database.external -}}
{{- $_ := set $config "database" (dict "type" "postgresql" "host" (required "database.external.host is needed with database.type: external" .host) "port" (int .port) "username" (required "database.external.username is needed with database.type: external" .username) "password" "${DATABASE_PASSWORD}" "db_name" .coreDatabase "ssl_mode" .sslmode) -}}
{{- end -}}
{{- end -}}
{{- if $values.metrics.enabled -}}
{{- $_ := set $config "metric" (dict "enabled" true "port" (int $values.metrics.core.port) "path" $values.metrics.core.path) -}}
{{- end -}}
{{- with $values.registries }}{{- $_ := set $config "registries" . -}}{{- end -}}
{{- with $values.projects }}{{- $_ := set $config "projects" . -}}{{- end -}}
{{- toYaml (mergeOverwrite $config (deepCopy $values.config)) -}}
{{- end -}}

{{/* The secret that this chart makes for passwords given as values; empty where none are. */}}
{{- define "roadstead.passwords" -}}
{{- $values := .Values -}}
{{- $admin := and $values.harborAdminPassword (not $values.existingSecretAdminPassword) -}}
{{- $database := and (eq $values.database.type "external") (not $values.database.external.existingSecret) -}}
{{- if $admin }}
HARBOR_ADMIN_PASSWORD: {{ $values.harborAdminPassword | b64enc }}
{{- end }}
{{- if $database }}
password: {{ required "database.external.password or database.external.existingSecret is needed" $values.database.external.password | b64enc }}
{{- end }}
{{- end -}}
