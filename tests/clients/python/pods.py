"""The Python client's streams: commands, logs, ports; and what pods use.

Run by tests/suites/python.rs with KUBECONFIG set, on a cluster whose engine has busybox:1.
"""

import gzip
import json
import select
import time
import unittest

from kubernetes import client, config, utils
from kubernetes.stream import portforward, stream
from kubernetes.stream.ws_client import ERROR_CHANNEL

SPACE = "default"
NAME = "python"
PATIENCE = 60


def until(what, ask):
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not in time")
        time.sleep(0.1)


def setUpModule():
    config.load_kube_config()
    core = client.CoreV1Api()
    until("the default account", lambda: core.list_namespaced_service_account(SPACE).items)
    script = "mkdir /www; echo welcome > /www/index.html; httpd -p 8080 -h /www; nc -ll -p 1234 -e cat & nc -ll -p 1235 -e cat"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "labels": {"app": NAME}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "main", "image": "busybox:1", "args": ["/bin/sh", "-c", script],
                "startupProbe": {"tcpSocket": {"port": 1235}, "periodSeconds": 1, "failureThreshold": 30},
            }],
        },
    }
    core.create_namespaced_pod(SPACE, pod)

    def ready():
        status = core.read_namespaced_pod(NAME, SPACE).status
        return status.phase == "Running" and status.container_statuses[0].ready

    until("the pod is ready", ready)


class Commands(unittest.TestCase):
    def setUp(self):
        self.core = client.CoreV1Api()

    def run_in_pod(self, command, call=None, **options):
        given = {"stderr": False, "stdin": False, "stdout": True, "tty": False, **options}
        call = call or self.core.connect_get_namespaced_pod_exec
        return stream(call, NAME, SPACE, command=command, **given)

    def test_output(self):
        lines = self.run_in_pod(["/bin/sh", "-c", "for i in 1 2 3; do date; done"])
        self.assertEqual(len(lines.splitlines()), 3)
        packed = self.run_in_pod(["/bin/sh", "-c", "echo -n text | gzip"], binary=True)
        self.assertEqual(gzip.decompress(packed), b"text")
        posted = self.run_in_pod(["uptime"], self.core.connect_post_namespaced_pod_exec)
        self.assertEqual(len(posted.splitlines()), 1)

    def talk(self, text, **options):
        shell = self.run_in_pod(
            ["/bin/sh"], self.core.connect_post_namespaced_pod_exec, stdin=True, stderr=True,
            _preload_content=False, **options,
        )
        shell.write_stdin(text("echo test string 1\n"))
        line = shell.readline_stdout(timeout=5)
        self.assertFalse(shell.peek_stderr())
        self.assertEqual(line, text("test string 1"))
        shell.write_stdin(text("echo test string 2 >&2\n"))
        line = shell.readline_stderr(timeout=5)
        self.assertFalse(shell.peek_stdout())
        self.assertEqual(line, text("test string 2"))
        shell.write_stdin(text("exit\n"))
        shell.update(timeout=5)
        told = until("how it ended", lambda: shell.read_channel(ERROR_CHANNEL))
        self.assertEqual(json.loads(told)["status"], "Success")
        shell.update(timeout=5)
        self.assertFalse(shell.is_open())

    def test_a_shell_of_text(self):
        self.talk(str)

    def test_a_shell_of_bytes(self):
        self.talk(str.encode, binary=True)

    def test_the_end_of_the_input(self):
        reading = self.run_in_pod(
            ["/bin/sh", "-c", "cat"], self.core.connect_post_namespaced_pod_exec, stdin=True, stderr=True,
            _preload_content=False,
        )
        self.assertEqual(reading.subprotocol, "v5.channel.k8s.io")
        reading.write_stdin("closing\n")
        self.assertEqual(reading.readline_stdout(timeout=5), "closing")
        reading.close_channel(0)
        reading.run_forever(timeout=15)
        self.assertFalse(reading.is_open())
        self.assertEqual(reading.returncode, 0)

    def test_codes(self):
        for command, code in (
            (["false"], 1), (["/bin/sh", "-c", "sleep 1; exit 3"], 3), (["true"], 0), (["/bin/sh", "-c", "ls /"], 0),
        ):
            running = self.run_in_pod(command, stderr=True, _preload_content=False)
            self.assertIsNone(running.returncode)
            running.run_forever(timeout=10)
            self.assertEqual((command, running.returncode), (command, code))


class Ports(unittest.TestCase):
    def setUp(self):
        self.core = client.CoreV1Api()

    def exchange(self, conn, text):
        conn.sendall(text)
        got = b""
        deadline = time.monotonic() + PATIENCE
        while got != text:
            self.assertLess(time.monotonic(), deadline)
            readable, _, _ = select.select([conn], [], [], 1)
            if readable:
                data = conn.recv(1024)
                self.assertNotEqual(data, b"", "it was closed")
                got += data

    def test_several_at_once(self):
        for _ in range(3):
            forward = portforward(
                self.core.connect_get_namespaced_pod_portforward, NAME, SPACE, ports="1234,1235,1236"
            )
            self.assertTrue(forward.connected)
            conns = [forward.socket(port) for port in (1234, 1235)]
            for conn in conns:
                conn.setblocking(True)
                self.exchange(conn, b"some text")
            closed = forward.socket(1236)
            closed.setblocking(True)
            self.assertEqual(closed.recv(1024), b"")
            self.assertIsNotNone(forward.error(1236))
            closed.close()
            for conn in conns:
                self.assertTrue(forward.connected)
                self.exchange(conn, b"more text")
                conn.close()
            until("it is closed", lambda: not forward.connected)
            self.assertIsNone(forward.error(1234))
            self.assertIsNone(forward.error(1235))

    def test_http(self):
        forward = portforward(self.core.connect_get_namespaced_pod_portforward, NAME, SPACE, ports="8080")
        conn = forward.socket(8080)
        conn.setblocking(True)
        conn.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
        page = b""
        while data := conn.recv(4096):
            page += data
        self.assertIn(b"200 OK", page)
        self.assertTrue(page.endswith(b"welcome\n"))
        conn.close()

    def test_proxy(self):
        page = self.core.connect_get_namespaced_pod_proxy_with_path(f"{NAME}:8080", SPACE, "index.html")
        self.assertEqual(page, "welcome\n")


class Looking(unittest.TestCase):
    def test_nodes(self):
        core = client.CoreV1Api()
        for item in core.list_node().items:
            self.assertGreater(len(core.read_node(item.metadata.name).metadata.labels), 0)

    def test_metrics(self):
        api = client.ApiClient()
        until("the pod is measured", lambda: utils.get_pods_metrics(api, SPACE, f"app={NAME}")["items"])
        self.assertIn("usage", utils.get_nodes_metrics(api)["items"][0])
        spaces = utils.get_pods_metrics_in_all_namespaces(api, [SPACE, "kube-system"])
        self.assertNotIn("error", spaces[SPACE])


if __name__ == "__main__":
    unittest.main()
