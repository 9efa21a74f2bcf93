// The official JavaScript client with objects: typed, dynamic and custom, patches, informers,
// watches, reviews.

import assert from 'node:assert/strict';
import test from 'node:test';

import * as k8s from '@kubernetes/client-node';

import { eventually } from './eventually.mjs';

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const namespace = 'javascript';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'busybox:1' }] },
    },
  },
};

test('objects are created, changed, watched and deleted', async () => {
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  const list = () => core.listNamespacedConfigMap({ namespace });
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const informer = k8s.makeInformer(config, path, list);
  const told = [];
  for (const event of ['add', 'update', 'delete']) {
    informer.on(event, (object) => told.push(`${event} ${object.metadata.name}`));
  }
  await informer.start();

  const name = 'settings';
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data: { x: '1' } } });
  let map = await core.readNamespacedConfigMap({ namespace, name });
  map.data.x = '2';
  map = await core.replaceNamespacedConfigMap({ namespace, name, body: map });
  assert.equal(map.data.x, '2');
  const patches = [
    [k8s.PatchStrategy.JsonPatch, [{ op: 'replace', path: '/data/x', value: '3' }], '3'],
    [k8s.PatchStrategy.MergePatch, { data: { x: '4' } }, '4'],
    [k8s.PatchStrategy.StrategicMergePatch, { data: { x: '5' } }, '5'],
  ];
  for (const [strategy, body, wanted] of patches) {
    const header = k8s.setHeaderOptions('Content-Type', strategy);
    map = await core.patchNamespacedConfigMap({ namespace, name, body }, header);
    assert.equal(map.data.x, wanted, strategy);
  }
  const stale = { ...map, metadata: { ...map.metadata, resourceVersion: '1' } };
  await assert.rejects(
    core.replaceNamespacedConfigMap({ namespace, name, body: stale }),
    (error) => error.code === 409 && JSON.parse(error.body).reason === 'Conflict',
  );
  await core.deleteNamespacedConfigMap({ namespace, name });
  await assert.rejects(core.readNamespacedConfigMap({ namespace, name }), { code: 404 });
  await eventually('the informer has heard of all', () => {
    assert.deepEqual(
      told.filter((event) => event.endsWith(name)),
      [`add ${name}`, ...Array(4).fill(`update ${name}`), `delete ${name}`],
    );
  });
  await informer.stop();
});

test('any object is applied by the server', async () => {
  const objects = k8s.KubernetesObjectApi.makeApiClient(config);
  const created = await objects.create(deployment);
  assert.ok(created.metadata.uid);
  const wanted = structuredClone(deployment);
  wanted.spec.replicas = 1;
  const strategy = k8s.PatchStrategy.ServerSideApply;
  const applied = await objects.patch(wanted, undefined, undefined, 'script', true, strategy);
  assert.equal(applied.spec.replicas, 1);
  const owners = applied.metadata.managedFields.map((entry) => `${entry.operation} ${entry.manager}`);
  assert.ok(owners.includes('Apply script'), owners.join());
  const listed = await objects.list('apps/v1', 'Deployment', namespace);
  assert.equal(listed.items.length, 1);
  assert.equal((await objects.read(deployment)).metadata.uid, created.metadata.uid);

  const name = 'web';
  // Its controller writes, too.
  await eventually('the scale is replaced', async () => {
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name });
    scale.spec.replicas = 2;
    await apps.replaceNamespacedDeploymentScale({ namespace, name, body: scale });
  });
  const scaled = await apps.readNamespacedDeployment({ namespace, name });
  assert.equal(scaled.spec.replicas, 2);
  await objects.delete(deployment);
});

test('kinds are defined and used', async () => {
  const group = 'javascript.example.com';
  const definitions = config.makeApiClient(k8s.ApiextensionsV1Api);
  const name = `wishes.${group}`;
  const properties = { spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1 } } } };
  await definitions.createCustomResourceDefinition({
    body: {
      metadata: { name },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'wishes', singular: 'wish', kind: 'Wish' },
        versions: [
          { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties } } },
        ],
      },
    },
  });
  await eventually('the kind is served', async () => {
    const definition = await definitions.readCustomResourceDefinition({ name });
    const conditions = definition.status?.conditions ?? [];
    assert.ok(conditions.some(({ type, status }) => type === 'Established' && status === 'True'));
  });
  const custom = config.makeApiClient(k8s.CustomObjectsApi);
  const kind = { group, version: 'v1', plural: 'wishes' };
  const wish = (size) => ({ apiVersion: `${group}/v1`, kind: 'Wish', metadata: { name: 'w' }, spec: { size } });
  await assert.rejects(
    custom.createNamespacedCustomObject({ ...kind, namespace, body: wish(0) }),
    (error) => error.code === 422 && error.body.includes('should be greater than or equal to 1'),
  );
  await custom.createNamespacedCustomObject({ ...kind, namespace, body: wish(3) });
  const all = await custom.listClusterCustomObject(kind);
  assert.deepEqual(all.items.map((item) => item.spec.size), [3]);
  await definitions.deleteCustomResourceDefinition({ name });
});

test('a watch begins with what is there', async () => {
  const watch = new k8s.Watch(config);
  const query = {
    timeoutSeconds: 1, sendInitialEvents: true, allowWatchBookmarks: true, resourceVersionMatch: 'NotOlderThan',
  };
  const told = [];
  await new Promise((resolve) => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    watch.watch(path, query, (type, object) => told.push([type, object.metadata]), resolve);
  });
  const [last, meta] = told.at(-1);
  assert.equal(last, 'BOOKMARK');
  assert.equal(meta.annotations['k8s.io/initial-events-end'], 'true');
  assert.ok(told.slice(0, -1).every(([type]) => type === 'ADDED') && told.length > 1);
});

test('leases, reviews and versions are answered', async () => {
  const leases = config.makeApiClient(k8s.CoordinationV1Api);
  const spec = { holderIdentity: 'me', leaseDurationSeconds: 3, renewTime: new k8s.V1MicroTime(Date.now()) };
  let lease = await leases.createNamespacedLease({ namespace, body: { metadata: { name: 'leader' }, spec } });
  lease.spec.renewTime = new k8s.V1MicroTime(Date.now());
  lease = await leases.replaceNamespacedLease({ namespace, name: 'leader', body: lease });
  assert.equal(lease.spec.holderIdentity, 'me');

  const authentication = config.makeApiClient(k8s.AuthenticationV1Api);
  const review = await authentication.createTokenReview({ body: { spec: { token: 'nobody' } } });
  assert.ok(!review.status.authenticated);
  const authorization = config.makeApiClient(k8s.AuthorizationV1Api);
  const resourceAttributes = { verb: 'get', resource: 'pods' };
  const access = await authorization.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } });
  assert.equal(access.status.allowed, true);

  const version = await config.makeApiClient(k8s.VersionApi).getCode();
  assert.match(version.gitVersion, /^v1\./);
  const groups = await config.makeApiClient(k8s.ApisApi).getAPIVersions();
  assert.ok(groups.groups.some((group) => group.name === 'apps'));
  await core.deleteNamespace({ name: namespace });
});
