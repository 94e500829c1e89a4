{{/* Names, labels and addresses. */}}

{{- define "fednet.name" -}}
{{- if contains "fednet" .Release.Name }}{{ .Release.Name | trunc 32 | trimSuffix "-" }}
{{- else }}{{ printf "%s-fednet" .Release.Name | trunc 32 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels that select the pods of a component. Takes (list . "controller"). */}}
{{- define "fednet.selector" -}}
app.kubernetes.io/name: fednet
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object of a component. Takes (list . "controller"). */}}
{{- define "fednet.labels" -}}
{{ include "fednet.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{/* The name of a service in the whole cluster. Takes (list . "controller"). */}}
{{- define "fednet.host" -}}
{{- $root := index . 0 -}}
{{ include "fednet.name" $root }}-{{ index . 1 }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}
{{- end }}

{{/* The names of a component's servers, as a certificate has them. Takes (list . "controller"). */}}
{{- define "fednet.certifiedHosts" -}}
{{- $root := index . 0 -}}
{{- $names := list "localhost" (include "fednet.host" .) -}}
{{- if eq (index . 1) "controller" -}}
{{- $names = append $names (printf "*.%s" (include "fednet.host" (list $root "controllers"))) -}}
{{- else if eq (index . 1) "combiner" -}}
{{- $names = append $names (printf "*.%s" (include "fednet.host" .)) -}}
{{- end -}}
{{- concat $names $root.Values.tls.extraHosts | toYaml -}}
{{- end }}

{{/* The components with a server of which TLS is asked. */}}
{{- define "fednet.servers" -}}
{{- if eq .Values.tls.source "none" -}}
[]
{{- else if .Values.blobStore.url -}}
[controller, combiner]
{{- else -}}
[controller, combiner, objects]
{{- end -}}
{{- end }}

{{/* The Secret with a component's certificate. Takes (list . "controller"). */}}
{{- define "fednet.certificateSecret" -}}
{{- $root := index . 0 -}}
{{- if eq $root.Values.tls.source "secrets" -}}
{{ index $root.Values.tls.secrets (index . 1) }}
{{- else -}}
{{ include "fednet.name" $root }}-{{ index . 1 }}-tls
{{- end -}}
{{- end }}

{{- define "fednet.apiUrl" -}}
{{ eq .Values.tls.source "none" | ternary "http" "https" }}://{{ include "fednet.host" (list . "controller") }}:8092
{{- end }}

{{/* The image of a component. Takes (list . "controller"). */}}
{{- define "fednet.imageName" -}}
{{- $images := (index . 0).Values.images -}}
{{ with $images.registry }}{{ . }}/{{ end }}fednet-{{ index . 1 }}:{{ $images.tag | default (index . 0).Chart.AppVersion }}
{{- end }}

{{- define "fednet.signingKeySecret" -}}
{{ .Values.signingKey.existingSecret | default (printf "%s-signing-key" (include "fednet.name" .)) }}
{{- end }}

{{- define "fednet.stateStoreSecret" -}}
{{ .Values.stateStore.existingSecret | default (printf "%s-state-store" (include "fednet.name" .)) }}
{{- end }}

{{- define "fednet.blobStoreSecret" -}}
{{ .Values.blobStore.existingSecret | default (printf "%s-blob-store" (include "fednet.name" .)) }}
{{- end }}

{{- define "fednet.blobStoreUrl" -}}
{{ .Values.blobStore.url | default (printf "s3://%s:8080/fednet?secure=%t" (include "fednet.host" (list . "objects")) (ne .Values.tls.source "none")) }}
{{- end }}
