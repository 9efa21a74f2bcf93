use super::*;

fn apps() -> Value {
    serde_json::from_slice(&document_at(Registry::builtin(), "apis/apps/v1").unwrap()).unwrap()
}

#[test]
fn kubectl_finds_what_it_needs_to_apply() {
    let document = apps();
    let patch =
        &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(
        patch["x-kubernetes-group-version-kind"],
        json!({"group": "apps", "version": "v1", "kind": "Deployment"})
    );
    let names: Vec<_> = patch["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    let schemas = &document["components"]["schemas"];
    let deployment = &schemas["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(
        deployment["x-kubernetes-group-version-kind"],
        json!([{"group": "apps", "version": "v1", "kind": "Deployment"}])
    );
    assert_eq!(
        deployment["properties"]["spec"]["allOf"],
        json!([{"$ref": "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec"}])
    );
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(
        schemas["io.k8s.api.core.v1.ContainerPort"]["properties"]["protocol"]["default"],
        "TCP"
    );
    let scale = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"];
    assert_eq!(scale["get"]["x-kubernetes-group-version-kind"]["kind"], "Scale");
}

/// kubectl refuses by the document what lacks something required: nothing needs its metadata.
#[test]
fn metadata_is_never_required() {
    for (path, _) in documents(Registry::builtin()) {
        let document = document_at(Registry::builtin(), &path).unwrap();
        let document: Value = serde_json::from_slice(&document).unwrap();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let required = schema["required"].as_array().into_iter().flatten();
            assert!(required.into_iter().all(|field| field != "metadata"), "{path}: {name}");
        }
    }
}

#[test]
fn our_own_types_look_like_those_of_kubernetes() {
    let document: Value =
        serde_json::from_slice(&document_at(Registry::builtin(), "apis/longshore.dev/v1").unwrap())
            .unwrap();
    let schemas = &document["components"]["schemas"];
    let host = &schemas["dev.longshore.v1.Host"];
    assert_eq!(
        host["properties"]["status"],
        json!({"allOf": [reference("dev.longshore.v1.HostStatus")]})
    );
    assert_eq!(host["properties"]["kind"]["type"], "string");
    let text = schemas["dev.longshore.v1.HostSpec"].to_string();
    assert!(!text.contains("null"), "{text}");
}

/// Every reference of every document has its definition, and no operation's id stands twice.
#[test]
fn documents_are_whole() {
    for (path, hash) in builtin() {
        let bytes = document_at(Registry::builtin(), path).unwrap();
        assert_eq!(*hash, super::hash(&bytes), "{path} is the same each time");
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let (mut references, mut ids) = (Vec::new(), Vec::new());
        collect(&document, &mut references, &mut ids);
        for reference in references {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{path}: {name}");
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "{path}: an operationId stands twice");
    }
}

fn collect(value: &Value, references: &mut Vec<String>, ids: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value.as_str()) {
                    ("$ref", Some(reference)) => references.push(reference.to_owned()),
                    ("operationId", Some(id)) => ids.push(id.to_owned()),
                    _ => collect(value, references, ids),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references, ids)),
        _ => {}
    }
}

/// Every reference of the document of OpenAPI 2 has its definition, and nothing of version 3 is in
/// it.
#[test]
fn the_older_form_is_whole() {
    let bytes = swagger(Registry::builtin(), false);
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let (mut references, mut ids) = (Vec::new(), Vec::new());
    collect(&document, &mut references, &mut ids);
    for reference in references {
        let name = reference.strip_prefix("#/definitions/").unwrap();
        assert!(document["definitions"].get(name).is_some(), "{name}");
    }
    let text = String::from_utf8(bytes).unwrap();
    for word in ["\"requestBody\"", "\"allOf\":[", "#/components/"] {
        assert!(!text.contains(word), "{word}");
    }
    let create = &document["paths"]["/api/v1/namespaces/{namespace}/pods"]["post"];
    assert_eq!(create["consumes"], json!(["*/*"]));
    let body = create["parameters"].as_array().unwrap().last().unwrap();
    assert_eq!(body["schema"], json!({"$ref": "#/definitions/io.k8s.api.core.v1.Pod"}));
    let protobuf = swagger(Registry::builtin(), true);
    assert!(protobuf.windows(5).any(|part| part == b"\x0a\x032.0"));
}
