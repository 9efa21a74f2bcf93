"""The official Python client against a server: typed and dynamic, as its own end-to-end tests use it.

Run by tests/suites/python.rs with KUBECONFIG set; needs no running pod.
"""

import datetime
import os
import sys
import threading
import time
import unittest
import uuid

import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

SPACE = "python"


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def setUpModule():
    config.load_kube_config()
    core = client.CoreV1Api()
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=SPACE)))


def pod_manifest(name):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "python"}},
        "spec": {"containers": [{"name": "sleep", "image": "busybox:1", "args": ["sleep", "60"]}]},
    }


def deployment(name):
    labels = {"app": name}
    container = client.V1Container(
        name="main",
        image="busybox:1",
        ports=[client.V1ContainerPort(container_port=80)],
        resources=client.V1ResourceRequirements(requests={"cpu": "100m", "memory": "32Mi"}),
    )
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels),
        spec=client.V1PodSpec(containers=[container]),
    )
    spec = client.V1DeploymentSpec(
        replicas=2, selector=client.V1LabelSelector(match_labels=labels), template=template
    )
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


class Typed(unittest.TestCase):
    def setUp(self):
        self.core = client.CoreV1Api()

    def test_versions_and_discovery(self):
        self.assertTrue(client.VersionApi().get_code().major.isdigit())
        groups = client.ApisApi().get_api_versions().groups
        self.assertIn("apps", [group.name for group in groups])
        self.assertIn("v1", client.CoreApi().get_api_versions().versions)
        names = [one.name for one in client.AppsV1Api().get_api_resources().resources]
        self.assertIn("deployments", names)

    def test_pods(self):
        name = unique("pod")
        made = self.core.create_namespaced_pod(SPACE, pod_manifest(name))
        self.assertEqual(made.status.phase, "Pending")
        read = self.core.read_namespaced_pod(name, SPACE)
        self.assertEqual(read.metadata.uid, made.metadata.uid)
        self.assertEqual(read.spec.containers[0].args, ["sleep", "60"])
        self.assertGreaterEqual(len(self.core.list_pod_for_all_namespaces().items), 1)
        selected = self.core.list_namespaced_pod(SPACE, label_selector="app=python")
        self.assertIn(name, [pod.metadata.name for pod in selected.items])
        self.core.delete_namespaced_pod(name, SPACE, body={}, grace_period_seconds=0)
        with self.assertRaises(ApiException) as gone:
            self.core.read_namespaced_pod(name, SPACE)
        self.assertEqual(gone.exception.status, 404)

    def test_services(self):
        name = unique("frontend")
        manifest = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"labels": {"name": name}, "name": name},
            "spec": {
                "ports": [{"name": "port", "port": 80, "protocol": "TCP", "targetPort": 80}],
                "selector": {"name": name},
            },
        }
        made = self.core.create_namespaced_service(body=manifest, namespace=SPACE)
        self.assertEqual(made.metadata.name, name)
        self.assertTrue(made.spec.cluster_ip)
        manifest["spec"]["ports"] = [{"name": "new", "port": 8080, "protocol": "TCP", "targetPort": 8080}]
        patched = self.core.patch_namespaced_service(body=manifest, name=name, namespace=SPACE)
        self.assertEqual(len(patched.spec.ports), 2)
        self.core.delete_namespaced_service(name=name, body={}, namespace=SPACE)

    def test_config_maps_and_secrets(self):
        name = unique("map")
        labels = {"e2e-tests": "true"}
        manifest = {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {"name": name, "labels": labels},
            "data": {"config.json": '{"command": "/usr/bin/mysqld_safe"}', "frontend.cnf": "[mysqld]\nport=3306\n"},
        }
        self.core.create_namespaced_config_map(body=manifest, namespace=SPACE)
        self.assertEqual(self.core.read_namespaced_config_map(name, SPACE).metadata.name, name)
        manifest["data"]["config.json"] = "{}"
        self.core.patch_namespaced_config_map(name=name, namespace=SPACE, body=manifest)
        manifest["data"] = {"only": "this"}
        replaced = self.core.replace_namespaced_config_map(name, SPACE, manifest)
        self.assertEqual(replaced.data, {"only": "this"})
        found = self.core.list_namespaced_config_map(SPACE, pretty="true", label_selector="e2e-tests=true")
        self.assertEqual(len(found.items), 1)
        self.core.delete_namespaced_config_map(name=name, body={}, namespace=SPACE)
        secret = self.core.create_namespaced_secret(
            SPACE, client.V1Secret(metadata=client.V1ObjectMeta(generate_name="s-"), string_data={"a": "b"})
        )
        self.assertEqual(secret.data, {"a": "Yg=="})

    def test_patches(self):
        name = unique("patched")
        self.core.create_namespaced_config_map(
            SPACE, client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data={"a": "1"})
        )
        # A dict is a strategic merge patch, a list a JSON patch.
        self.core.patch_namespaced_config_map(name, SPACE, {"data": {"b": "2"}})
        listed = [{"op": "remove", "path": "/data/a"}]
        patched = self.core.patch_namespaced_config_map(name, SPACE, listed)
        self.assertEqual(patched.data, {"b": "2"})
        tried = self.core.patch_namespaced_config_map(name, SPACE, {"data": {"c": "3"}}, dry_run="All")
        self.assertEqual(tried.data, {"b": "2", "c": "3"})
        self.assertEqual(self.core.read_namespaced_config_map(name, SPACE).data, {"b": "2"})
        with self.assertRaises(ApiException) as refused:
            self.core.patch_namespaced_config_map(name, SPACE, [{"op": "test", "path": "/data/b", "value": "9"}])
        self.assertEqual(refused.exception.status, 422)

    def test_nodes(self):
        self.core.create_node({"metadata": {"name": "python-node"}})
        for item in self.core.list_node().items:
            self.assertTrue(self.core.read_node(name=item.metadata.name).metadata.uid)
        self.core.delete_node("python-node")

    def test_deployments(self):
        apps = client.AppsV1Api()
        name = unique("nginx-app")
        apps.create_namespaced_deployment(SPACE, deployment(name))
        read = apps.read_namespaced_deployment(name, SPACE)
        self.assertEqual(read.spec.template.spec.containers[0].resources.requests["cpu"], "100m")
        scale = apps.read_namespaced_deployment_scale(name, SPACE)
        self.assertEqual(scale.spec.replicas, 2)
        scale.spec.replicas = 3
        # Controllers write its status meanwhile.
        scale.metadata.resource_version = None
        apps.replace_namespaced_deployment_scale(name, SPACE, scale)
        apps.patch_namespaced_deployment_scale(name, SPACE, {"spec": {"replicas": 1}})
        status = apps.read_namespaced_deployment_status(name, SPACE)
        self.assertEqual(status.spec.replicas, 1)
        options = client.V1DeleteOptions(propagation_policy="Foreground")
        apps.delete_namespaced_deployment(name, SPACE, body=options)

    def test_lists_in_chunks(self):
        for index in range(5):
            meta = client.V1ObjectMeta(name=f"chunk-{index}", labels={"chunked": "yes"})
            self.core.create_namespaced_config_map(SPACE, client.V1ConfigMap(metadata=meta))
        seen, token = [], None
        while True:
            page = self.core.list_namespaced_config_map(
                SPACE, label_selector="chunked=yes", limit=2, _continue=token
            )
            seen += [item.metadata.name for item in page.items]
            token = page.metadata._continue
            if not token:
                break
        self.assertEqual(seen, [f"chunk-{index}" for index in range(5)])
        self.core.delete_collection_namespaced_config_map(SPACE, label_selector="chunked=yes")
        left = self.core.list_namespaced_config_map(SPACE, label_selector="chunked=yes")
        self.assertEqual(left.items, [])

    def test_errors_are_statuses(self):
        with self.assertRaises(ApiException) as missing:
            self.core.read_namespaced_config_map("nope", SPACE)
        body = yaml.safe_load(missing.exception.body)
        self.assertEqual((body["reason"], body["details"]["name"]), ("NotFound", "nope"))
        with self.assertRaises(ApiException) as invalid:
            self.core.create_namespaced_config_map(SPACE, {"metadata": {"name": "Not A Name"}})
        self.assertEqual(invalid.exception.status, 422)

    def test_access(self):
        rbac = client.RbacAuthorizationV1Api()
        name = unique("role")
        rule = client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["list"])
        rbac.create_namespaced_role(SPACE, client.V1Role(metadata=client.V1ObjectMeta(name=name), rules=[rule]))
        self.core.create_namespaced_service_account(
            SPACE, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name=name))
        )
        binding = client.V1RoleBinding(
            metadata=client.V1ObjectMeta(name=name),
            role_ref=client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="Role", name=name),
            subjects=[client.RbacV1Subject(kind="ServiceAccount", name=name, namespace=SPACE)],
        )
        rbac.create_namespaced_role_binding(SPACE, binding)
        request = client.AuthenticationV1TokenRequest(
            spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)
        )
        token = self.core.create_namespaced_service_account_token(name, SPACE, request).status.token
        own = client.Configuration.get_default_copy()
        # Or the hook of the kubeconfig would put its own token back.
        own.refresh_api_key_hook = None
        own.api_key = {"BearerToken": f"Bearer {token}"}
        robot = client.CoreV1Api(client.ApiClient(own))
        robot.list_namespaced_pod(SPACE)
        with self.assertRaises(ApiException) as refused:
            robot.list_namespaced_secret(SPACE)
        self.assertEqual(refused.exception.status, 403)
        review = client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(verb="list", resource="pods", namespace=SPACE)
            )
        )
        answer = client.AuthorizationV1Api(client.ApiClient(own)).create_self_subject_access_review(review)
        self.assertTrue(answer.status.allowed)


class Batch(unittest.TestCase):
    def test_jobs(self):
        batch = client.BatchV1Api()
        name = unique("job")
        manifest = {
            "kind": "Job",
            "apiVersion": "batch/v1",
            "metadata": {"name": name},
            "spec": {
                "suspend": True,
                "template": {
                    "metadata": {"name": name},
                    "spec": {
                        "containers": [{"image": "busybox:1", "name": "main", "command": ["date"]}],
                        "restartPolicy": "Never",
                    },
                },
            },
        }
        made = batch.create_namespaced_job(body=manifest, namespace=SPACE)
        self.assertEqual(made.metadata.name, name)
        self.assertEqual(batch.read_namespaced_job(name=name, namespace=SPACE).spec.parallelism, 1)
        batch.delete_namespaced_job(name=name, body={}, namespace=SPACE, propagation_policy="Background")


class Watches(unittest.TestCase):
    def test_watch(self):
        core = client.CoreV1Api()
        start = core.list_namespaced_config_map(SPACE).metadata.resource_version

        def write():
            for index in range(3):
                meta = client.V1ObjectMeta(name=f"watched-{index}", labels={"watched": "yes"})
                core.create_namespaced_config_map(SPACE, client.V1ConfigMap(metadata=meta))
            core.patch_namespaced_config_map("watched-0", SPACE, {"data": {"a": "b"}})
            core.delete_namespaced_config_map("watched-0", SPACE)

        writer = threading.Thread(target=write)
        writer.start()
        stream = watch.Watch()
        seen = []
        for event in stream.stream(
            core.list_namespaced_config_map, SPACE, label_selector="watched=yes",
            resource_version=start, timeout_seconds=20,
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                stream.stop()
        writer.join()
        self.assertEqual([kind for kind, _ in seen], ["ADDED"] * 3 + ["MODIFIED", "DELETED"])

    def test_a_watch_ends_with_its_time(self):
        core = client.CoreV1Api()
        started = time.monotonic()
        list(watch.Watch().stream(core.list_namespaced_config_map, SPACE, timeout_seconds=1))
        self.assertLess(time.monotonic() - started, 10)


class Dynamic(unittest.TestCase):
    def setUp(self):
        self.client = dynamic.DynamicClient(client.ApiClient(client.Configuration.get_default_copy()))

    def test_objects(self):
        maps = self.client.resources.get(api_version="v1", kind="ConfigMap")
        name = unique("dynamic")
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}}
        self.assertEqual(maps.create(body=body, namespace=SPACE).data.a, "1")
        maps.patch(name=name, namespace=SPACE, body={"data": {"b": "2"}}, content_type="application/merge-patch+json")
        self.assertEqual(maps.get(name=name, namespace=SPACE).data.b, "2")
        listed = maps.get(namespace=SPACE, field_selector=f"metadata.name={name}")
        self.assertEqual(len(listed.items), 1)
        maps.delete(name=name, namespace=SPACE, body={})

    def test_server_side_apply(self):
        maps = self.client.resources.get(api_version="v1", kind="ConfigMap")
        name = unique("applied")
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}}
        maps.server_side_apply(namespace=SPACE, body=body, field_manager="one")
        body["data"]["a"] = "2"
        with self.assertRaises(dynamic.exceptions.ConflictError):
            maps.server_side_apply(namespace=SPACE, body=body, field_manager="two")
        forced = maps.server_side_apply(
            namespace=SPACE, body=body, field_manager="two", force_conflicts=True
        )
        self.assertEqual(forced.data.a, "2")

    def test_discovery(self):
        self.assertIn("apps", self.client.resources.api_groups)
        found = self.client.resources.search(kind="Deployment")
        self.assertEqual([one.group_version for one in found], ["apps/v1"])
        self.assertEqual(self.client.version["kubernetes"]["major"], "1")

    def test_custom_resources(self):
        definitions = self.client.resources.get(
            api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition"
        )
        definitions.create(body=CHANGE_ME)
        api = client.CustomObjectsApi()
        deadline = time.monotonic() + 20
        while True:
            found = definitions.get(name=CHANGE_ME["metadata"]["name"]).to_dict()
            conditions = {c["type"]: c["status"] for c in found.get("status", {}).get("conditions", [])}
            if conditions.get("Established") == "True":
                break
            self.assertLess(time.monotonic(), deadline, conditions)
        arguments = {"group": "example.com", "version": "v1", "namespace": SPACE, "plural": "changemes"}
        body = {"apiVersion": "example.com/v1", "kind": "ChangeMe", "metadata": {"name": "one"}, "size": 1}
        api.create_namespaced_custom_object(body=body, **arguments)
        api.patch_namespaced_custom_object(name="one", body={"size": 2}, **arguments)
        got = api.get_namespaced_custom_object(name="one", **arguments)
        self.assertEqual(got["size"], 2)
        self.assertEqual(len(api.list_namespaced_custom_object(**arguments)["items"]), 1)
        self.client.resources.invalidate_cache()
        mine = self.client.resources.get(api_version="example.com/v1", kind="ChangeMe")
        self.assertEqual(mine.get(name="one", namespace=SPACE).size, 2)
        with self.assertRaises(ApiException) as refused:
            api.patch_namespaced_custom_object(name="one", body={"size": "many"}, **arguments)
        self.assertEqual(refused.exception.status, 422)
        api.delete_namespaced_custom_object(name="one", **arguments)
        definitions.delete(name=CHANGE_ME["metadata"]["name"], body={})


CHANGE_ME = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "changemes.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"kind": "ChangeMe", "listKind": "ChangeMeList", "plural": "changemes", "singular": "changeme"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"size": {"type": "integer"}},
                    }
                },
            }
        ],
    },
}


class Utils(unittest.TestCase):
    def test_create_from_yaml(self):
        text = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: from-list}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: from-yaml}
  spec:
    selector: {matchLabels: {app: y}}
    template:
      metadata: {labels: {app: y}}
      spec: {containers: [{name: c, image: 'busybox:1'}]}
"""
        objects = list(yaml.safe_load_all(text))
        utils.create_from_yaml(client.ApiClient(), yaml_objects=objects, namespace=SPACE)
        self.assertTrue(client.AppsV1Api().read_namespaced_deployment("from-yaml", SPACE).metadata.uid)
        with self.assertRaises(utils.FailToCreateError):
            utils.create_from_yaml(client.ApiClient(), yaml_objects=objects, namespace=SPACE)

    def test_quantities(self):
        self.assertEqual(utils.parse_quantity("100m") * 10, 1)

    def test_leader_election(self):
        leading = threading.Event()
        lock = ConfigMapLock("leader", SPACE, str(uuid.uuid4()))
        settings = electionconfig.Config(
            lock, lease_duration=17, renew_deadline=15, retry_period=1,
            onstarted_leading=leading.set, onstopped_leading=None,
        )
        threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()
        self.assertTrue(leading.wait(20), "one candidate becomes the leader")

    def test_leases(self):
        leases = client.CoordinationV1Api()
        now = datetime.datetime.now(datetime.timezone.utc)
        spec = client.V1LeaseSpec(holder_identity="me", lease_duration_seconds=10, acquire_time=now, renew_time=now)
        name = unique("lease")
        leases.create_namespaced_lease(SPACE, client.V1Lease(metadata=client.V1ObjectMeta(name=name), spec=spec))
        read = leases.read_namespaced_lease(name, SPACE)
        self.assertEqual(read.spec.renew_time, now)
        stale = leases.read_namespaced_lease(name, SPACE)
        read.spec.holder_identity = "you"
        leases.replace_namespaced_lease(name, SPACE, read)
        with self.assertRaises(ApiException) as conflict:
            leases.replace_namespaced_lease(name, SPACE, stale)
        self.assertEqual(conflict.exception.status, 409)


if __name__ == "__main__":
    done = unittest.main(exit=False)
    sys.stderr.flush()
    # The threads of candidates for leadership never end, and must not see the interpreter go.
    os._exit(0 if done.result.wasSuccessful() else 1)
