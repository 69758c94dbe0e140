# What is wrong with a release's manifests as a whole, a sentence each: names that lead nowhere, and a pod that may more than it
# has to. Run with --slurp; $outside are the secrets and claims that whoever installs it has.

def of($kind): .[] | select(.kind == $kind);
def of($kind; $other): .[] | select(.kind == $kind or .kind == $other);
def mistake($holds; $sentence): if $holds then empty else $sentence end;
def within($labels): to_entries | all(.value == $labels[.key]);

. as $all
| (of("Deployment") | .spec) as $deployment
| $deployment.template.spec as $pod
| $pod.containers[0] as $container
| $deployment.template.metadata.labels as $labels
| [$container.ports[].name] as $ports
| [of("Service").metadata.name] as $services
| ([of("Secret"; "PersistentVolumeClaim").metadata.name] + $outside) as $there
| [
    mistake([of("Deployment")] | length == 1; "one deployment is expected"),
    mistake($deployment.replicas == 1 and $deployment.strategy.type == "Recreate"; "two pods may have the volume at once"),
    mistake($deployment.selector.matchLabels | within($labels); "the deployment does not select its own pods"),
    (of("Service") | mistake(.spec.selector | within($labels); "service \(.metadata.name) selects no pod")),
    (of("Service") | .spec.ports[] | mistake(.targetPort | IN($ports[]); "port \(.name) of a service leads to no port of the container")),
    (of("NetworkPolicy"; "PodDisruptionBudget") | mistake((.spec.podSelector // .spec.selector).matchLabels | within($labels); "\(.kind) selects no pod")),
    (of("NetworkPolicy") | .spec.ingress[].ports[] | mistake(.port | IN($ports[]); "the policy lets in to \(.port), which the container has not")),
    (of("Ingress") | .spec.rules[].http.paths[].backend.service | mistake(.name | IN($services[]); "the ingress leads to \(.name), which is no service")),
    (of("Ingress") | .spec.tls[]? | .secretName // empty | mistake(IN($there[]); "the ingress names the secret \(.), which is not there")),
    (of("ServiceMonitor") | .spec as $monitor | mistake(any($all[] | select(.kind == "Service"); . as $service | $monitor.selector.matchLabels | within($service.metadata.labels)); "the monitor selects no service")),
    ($container | .startupProbe, .readinessProbe, .livenessProbe | mistake(.httpGet.port | IN($ports[]); "a probe asks at no port")),
    ($container.volumeMounts[] | mistake(.name | IN($pod.volumes[].name); "the mount \(.name) has no volume")),
    ($pod.volumes[] | .configMap.name // empty | mistake(IN($all[] | select(.kind == "ConfigMap").metadata.name); "the pod mounts the ConfigMap \(.), which is not there")),
    ($pod.volumes[] | .secret.secretName // .persistentVolumeClaim.claimName // empty | mistake(IN($there[]); "the pod mounts \(.), which is not there")),
    ($container.env[] | .valueFrom.secretKeyRef.name // empty | mistake(IN($there[]); "a variable comes from the secret \(.), which is not there")),
    ([of("ServiceAccount").metadata.name] as $accounts | mistake($pod.serviceAccountName | IN($accounts[], $outside[], "default"); "the account \($pod.serviceAccountName) is not there")),
    mistake($pod.securityContext | .runAsNonRoot and .seccompProfile.type == "RuntimeDefault"; "the pod may be root's, or call anything of the system"),
    mistake($container.securityContext | .readOnlyRootFilesystem and .allowPrivilegeEscalation == false and .capabilities.drop == ["ALL"]; "the container may more than it has to"),
    mistake($pod.automountServiceAccountToken == false; "the pod holds a token for the cluster")
  ]
| .[]
