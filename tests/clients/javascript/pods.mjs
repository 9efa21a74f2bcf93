// The official JavaScript client with a pod that runs: its log, a command in it, a port of it.

import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import test from 'node:test';

import * as k8s from '@kubernetes/client-node';

import { eventually } from './eventually.mjs';

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const [namespace, name] = ['default', 'javascript'];

/** A stream that keeps what is written to it. */
function sink() {
  const chunks = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

test('a pod comes to run', async () => {
  const container = {
    name: 'httpd',
    image: 'busybox:1',
    command: ['sh', '-c', 'echo ready; mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www'],
  };
  const spec = { containers: [container], terminationGracePeriodSeconds: 1 };
  await core.createNamespacedPod({ namespace, body: { metadata: { name }, spec } });
  await eventually('the pod is ready', async () => {
    const pod = await core.readNamespacedPod({ namespace, name });
    const conditions = pod.status.conditions ?? [];
    assert.ok(conditions.some(({ type, status }) => type === 'Ready' && status === 'True'), pod.status.phase);
  });
});

test('its log is read and followed', async () => {
  assert.equal(await core.readNamespacedPodLog({ namespace, name }), 'ready\n');
  const followed = sink();
  const log = await new k8s.Log(config).log(namespace, name, 'httpd', followed.stream, { follow: true });
  await eventually('the log is followed', () => assert.equal(followed.text(), 'ready\n'));
  log.abort();
});

test('a command runs in it', async () => {
  const [output, errors, input] = [sink(), sink(), new PassThrough()];
  const command = ['sh', '-c', 'read line; echo "got $line"; echo oops >&2; exit 3'];
  const status = new Promise((resolve, reject) => {
    new k8s.Exec(config)
      .exec(namespace, name, 'httpd', command, output.stream, errors.stream, input, false, resolve)
      .catch(reject);
  });
  input.write('word\n');
  const { details, reason } = await status;
  assert.equal(reason, 'NonZeroExitCode');
  assert.deepEqual(details.causes.map((cause) => cause.message), ['3']);
  await eventually('both outputs arrive', () => {
    assert.deepEqual([output.text(), errors.text()], ['got word\n', 'oops\n']);
  });
});

test('a port of it is reached', async () => {
  const forward = new k8s.PortForward(config);
  const server = createServer((socket) => {
    forward.portForward(namespace, name, [8080], socket, null, socket);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const answer = sink();
  const client = connect(server.address().port, '127.0.0.1');
  client.pipe(answer.stream);
  client.write('GET / HTTP/1.0\r\n\r\n');
  await eventually('the pod answers', () => assert.match(answer.text(), /^HTTP\/1\..* 200 OK[^]*hello\n$/));
  client.destroy();
  server.close();
});

test('it ends', async () => {
  await core.deleteNamespacedPod({ namespace, name });
  await eventually('the pod is gone', () =>
    assert.rejects(core.readNamespacedPod({ namespace, name }), { code: 404 }),
  );
  // Sockets that the client keeps open would keep this from ending.
  setImmediate(() => process.exit(process.exitCode ?? 0));
});
