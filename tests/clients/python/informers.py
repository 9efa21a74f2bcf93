"""How the Python client keeps up: watches that go on, informers, leases, writes tried again.

Run by tests/suites/python.rs with KUBECONFIG set; needs no running pod.
"""

import os
import sys
import threading
import time
import unittest
import uuid

from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from kubernetes.utils import retry

SPACE = "informers"
PATIENCE = 30


def setUpModule():
    config.load_kube_config()
    meta = client.V1ObjectMeta(name=SPACE)
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=meta))


def config_map(name, label, value="1"):
    meta = client.V1ObjectMeta(name=name, labels={"set": label})
    return client.V1ConfigMap(metadata=meta, data={"k": value})


class Watching(unittest.TestCase):
    def setUp(self):
        self.core = client.CoreV1Api()

    def test_all_that_happened_since_the_list(self):
        label = "since"
        self.core.create_namespaced_config_map(SPACE, config_map("since-a", label))
        listed = self.core.list_namespaced_config_map(SPACE, label_selector="set=since")
        self.core.create_namespaced_config_map(SPACE, config_map("since-b", label))
        self.core.patch_namespaced_config_map("since-b", SPACE, {"data": {"k": "{}"}})
        self.core.delete_collection_namespaced_config_map(SPACE, label_selector="set=since")
        events = watch.Watch().stream(
            self.core.list_namespaced_config_map, SPACE, label_selector="set=since",
            resource_version=listed.metadata.resource_version, timeout_seconds=2,
        )
        self.assertEqual([event["type"] for event in events], ["ADDED", "MODIFIED", "DELETED", "DELETED"])

    def test_a_watch_goes_on_where_it_ended(self):
        stream = watch.Watch()
        first = list(stream.stream(self.core.list_namespaced_config_map, SPACE, label_selector="set=on", timeout_seconds=1))
        self.assertEqual(first, [])
        self.core.create_namespaced_config_map(SPACE, config_map("on", "on"))
        went_on = stream.stream(self.core.list_namespaced_config_map, SPACE, label_selector="set=on", timeout_seconds=10)
        self.assertEqual(next(iter(went_on))["object"].metadata.name, "on")

    def test_too_old_is_gone(self):
        with self.assertRaises(ApiException) as refused:
            future = str(10**15)
            for _ in watch.Watch().stream(
                self.core.list_namespaced_config_map, SPACE, resource_version=future, timeout_seconds=2
            ):
                pass
        self.assertIn(refused.exception.status, (410, 504))

    def test_dynamic(self):
        dyn = dynamic.DynamicClient(client.ApiClient())
        maps = dyn.resources.get(api_version="v1", kind="ConfigMap")
        maps.create(body={"metadata": {"name": "dyn"}}, namespace=SPACE)
        seen = [event["type"] for event in dyn.watch(maps, timeout=1, namespace=SPACE, name="dyn")]
        self.assertEqual(seen, ["ADDED"])
        partial = {"header_params": {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}}
        listed = maps.get(namespace=SPACE, **partial)
        self.assertEqual((listed.kind, listed.apiVersion), ("PartialObjectMetadataList", "meta.k8s.io/v1"))
        pods = dyn.resources.get(api_version="v1", kind="Pod")
        pod = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"},
            "spec": {"containers": [{"name": "c", "image": "busybox:1"}]},
        }
        tried = pods.server_side_apply(namespace=SPACE, body=pod, field_manager="tests", dry_run="All")
        self.assertEqual(tried.metadata.managedFields[0].manager, "tests")


class Informing(unittest.TestCase):
    def setUp(self):
        self.core = client.CoreV1Api()

    def inform(self, label, **options):
        informer = SharedInformer(
            list_func=self.core.list_namespaced_config_map, namespace=SPACE, label_selector=f"set={label}", **options
        )
        self.addCleanup(informer.stop)
        return informer

    def test_added_changed_deleted(self):
        self.core.create_namespaced_config_map(SPACE, config_map("there", "kept"))
        informer = self.inform("kept")
        seen = {kind: threading.Event() for kind in (ADDED, MODIFIED, DELETED)}
        for kind, event in seen.items():
            is_new = lambda made, event=event: made.metadata.name == "new" and event.set()
            informer.add_event_handler(kind, is_new)
        informer.start()
        deadline = time.monotonic() + PATIENCE
        while informer.cache.get_by_key(f"{SPACE}/there") is None:
            self.assertLess(time.monotonic(), deadline, "what was there is listed")
            time.sleep(0.05)
        self.core.create_namespaced_config_map(SPACE, config_map("new", "kept"))
        self.assertTrue(seen[ADDED].wait(PATIENCE))
        self.core.patch_namespaced_config_map("new", SPACE, {"data": {"k": "2"}})
        self.assertTrue(seen[MODIFIED].wait(PATIENCE))
        self.assertEqual(informer.cache.get_by_key(f"{SPACE}/new").data, {"k": "2"})
        self.core.delete_namespaced_config_map("new", SPACE)
        self.assertTrue(seen[DELETED].wait(PATIENCE))
        self.assertIsNone(informer.cache.get_by_key(f"{SPACE}/new"))

    def test_resync(self):
        self.core.create_namespaced_config_map(SPACE, config_map("again", "resync"))
        informer = self.inform("resync", resync_period=1)
        resynced = threading.Event()
        informer.add_event_handler(MODIFIED, lambda made: resynced.set())
        informer.start()
        self.assertTrue(resynced.wait(PATIENCE))


class Writing(unittest.TestCase):
    def test_conflicts_are_tried_again(self):
        core = client.CoreV1Api()
        core.create_namespaced_config_map(SPACE, config_map("counted", "counted", "0"))

        def raise_by_one():
            read = core.read_namespaced_config_map("counted", SPACE)
            read.data["k"] = str(int(read.data["k"]) + 1)
            core.replace_namespaced_config_map("counted", SPACE, read)

        def raise_until_done():
            while True:
                try:
                    return retry.retry_on_conflict(raise_by_one)
                except ApiException as refused:
                    self.assertEqual(refused.status, 409)

        writers = [threading.Thread(target=raise_until_done) for _ in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(core.read_namespaced_config_map("counted", SPACE).data, {"k": "8"})

    def test_leases_elect_one(self):
        leading = []
        is_leading = threading.Event()

        def lead(name):
            leading.append(name)
            is_leading.set()
            time.sleep(PATIENCE)

        for name in ("one", "two"):
            lock = LeaseLock("election", SPACE, f"{name}-{uuid.uuid4()}")
            settings = electionconfig.Config(
                lock, lease_duration=17, renew_deadline=15, retry_period=1,
                onstarted_leading=lambda name=name: lead(name), onstopped_leading=None,
            )
            threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()
        self.assertTrue(is_leading.wait(PATIENCE))
        lease = client.CoordinationV1Api().read_namespaced_lease("election", SPACE)
        self.assertTrue(lease.spec.holder_identity.startswith(leading[0]))
        self.assertEqual(len(leading), 1)


if __name__ == "__main__":
    done = unittest.main(exit=False)
    sys.stderr.flush()
    # The threads of candidates for leadership never end, and must not see the interpreter go.
    os._exit(0 if done.result.wasSuccessful() else 1)
