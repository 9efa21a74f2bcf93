"""What the Python client makes of whole files: created, conflicting, applied again.

Run by tests/suites/python.rs with KUBECONFIG set; needs no running pod.
"""

import os
import tempfile
import unittest

import yaml
from kubernetes import client, config, utils

SPACE = "installs"

TAKEN = (
    'Error from server (Conflict): {"kind":"Status","apiVersion":"v1","metadata":{},'
    '"status":"Failure","message":"%s \\"%s\\" already exists","reason":"AlreadyExists",'
    '"details":{"name":"%s",%s"kind":"%s"},"code":409}\n'
)


def setUpModule():
    config.load_kube_config()
    meta = client.V1ObjectMeta(name=SPACE)
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=meta))


def service(name, port=80):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"ports": [{"port": port, "protocol": "TCP"}], "selector": {"app": name}},
    }


def controller(name):
    container = {"name": "c", "image": "busybox:1", "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"app": name},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def deployment(name, replicas=3):
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "busybox:1", "ports": [{"containerPort": 80}]}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def create(*objects, **options):
    utils.create_from_yaml(client.ApiClient(), yaml_objects=list(objects), namespace=SPACE, **options)


class Files(unittest.TestCase):
    def test_a_second_time_is_a_conflict(self):
        create(service("taken"))
        with self.assertRaises(utils.FailToCreateError) as refused:
            create(service("taken"), controller("beside"))
        self.assertEqual(str(refused.exception), TAKEN % ("services", "taken", "taken", "", "services"))
        # What stands behind it is made all the same.
        core = client.CoreV1Api()
        made = core.read_namespaced_replication_controller("beside", SPACE)
        self.assertEqual((made.spec.replicas, made.spec.selector), (1, {"app": "beside"}))
        core.delete_namespaced_replication_controller("beside", SPACE, propagation_policy="Background")

    def test_every_conflict_is_told(self):
        with self.assertRaises(utils.FailToCreateError) as refused:
            create(*[deployment("triple")] * 3)
        told = TAKEN % ("deployments.apps", "triple", "triple", '"group":"apps",', "deployments")
        self.assertEqual(str(refused.exception), told * 2)

    def test_apply_is_idempotent(self):
        apps = client.AppsV1Api()
        create(deployment("again"))
        create(deployment("again"), apply=True)
        self.assertEqual(apps.read_namespaced_deployment("again", SPACE).metadata.generation, 1)
        # Who created it owns its fields, and was another manager.
        with self.assertRaises(utils.FailToCreateError) as refused:
            create(deployment("again", replicas=2), apply=True)
        self.assertIn("Apply failed with 1 conflict", str(refused.exception))

    def test_lists_name_their_items(self):
        bare = [{key: value for key, value in service(name).items() if key not in ("kind", "apiVersion")}
                for name in ("listed-1", "listed-2")]
        create({"apiVersion": "v1", "kind": "ServiceList", "items": bare})
        create({"apiVersion": "v1", "kind": "List", "items": [service("listed-3"), deployment("listed-4")]})
        core = client.CoreV1Api()
        for name in ("listed-1", "listed-2", "listed-3"):
            self.assertEqual(core.read_namespaced_service(name, SPACE).spec.selector, {"app": name})

    def test_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            for made in (service("folder"), controller("folder")):
                with open(os.path.join(folder, made["kind"] + ".yaml"), "w") as file:
                    yaml.safe_dump(made, file)
            utils.create_from_directory(client.ApiClient(), folder, namespace=SPACE)
        core = client.CoreV1Api()
        self.assertTrue(core.read_namespaced_service("folder", SPACE).metadata.uid)
        self.assertTrue(core.read_namespaced_replication_controller("folder", SPACE).metadata.uid)

    def test_services_of_the_api(self):
        name = "v1alpha1.wardle.example.com"
        body = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name},
            "spec": {
                "insecureSkipTLSVerify": True,
                "group": "wardle.example.com",
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
                "version": "v1alpha1",
                "service": {"name": "api", "namespace": "wardle"},
            },
        }
        utils.create_from_dict(client.ApiClient(), body)
        with self.assertRaises(utils.FailToCreateError) as refused:
            utils.create_from_dict(client.ApiClient(), body)
        group = '"group":"apiregistration.k8s.io",'
        kinds = "apiservices.apiregistration.k8s.io"
        self.assertEqual(str(refused.exception), TAKEN % (kinds, name, name, group, "apiservices"))
        api = client.ApiregistrationV1Api()
        self.assertEqual(api.read_api_service(name).spec.version, "v1alpha1")
        api.delete_api_service(name, body={})


class Daemons(unittest.TestCase):
    def test_daemon_sets(self):
        apps = client.AppsV1Api()
        made = deployment("daemons")
        made["kind"] = "DaemonSet"
        del made["spec"]["replicas"]
        made["spec"]["updateStrategy"] = {"type": "RollingUpdate"}
        apps.create_namespaced_daemon_set(SPACE, body=made)
        read = apps.read_namespaced_daemon_set("daemons", SPACE)
        self.assertEqual(read.spec.update_strategy.rolling_update.max_unavailable, 1)
        apps.delete_namespaced_daemon_set("daemons", SPACE, body=client.V1DeleteOptions())


if __name__ == "__main__":
    unittest.main()
