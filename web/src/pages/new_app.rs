//! Deploying an app from a form.

use askama::Template;
use client::{Client, DeleteOptions, Selection, WriteOptions};
use http::StatusCode;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Service},
};
use object::ApiError;
use serde_json::Value;

use crate::{
    deploy::{DeployForm, Problems},
    objects::{key_of, list},
    pages::{framed, home::nothing_if_hidden},
    response::{Answer, render, see_other},
    router::Visit,
};

#[derive(Template)]
#[template(path = "new_app.html")]
struct NewAppPage<'p> {
    form: &'p DeployForm,
    problems: &'p Problems,
    namespaces: Vec<String>,
    csrf: &'p str,
}

impl NewAppPage<'_> {
    fn problem(&self, field: &str) -> &str {
        self.problems.get(field).map_or("", String::as_str)
    }
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, ApiError> {
    let form = DeployForm {
        namespace: "default".to_owned(),
        replicas: "1".to_owned(),
        ..DeployForm::default()
    };
    page(visit, StatusCode::OK, &form, &Problems::new()).await
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    form: &DeployForm,
    problems: &Problems,
) -> Result<Answer, ApiError> {
    let all: Vec<Namespace> =
        list(&*visit.client, &Selection::default()).await.or_else(nothing_if_hidden)?;
    let mut namespaces: Vec<String> = all
        .into_iter()
        .filter_map(|namespace| namespace.metadata.name)
        .filter(|name| !name.starts_with("kube-"))
        .collect();
    if namespaces.is_empty() {
        namespaces.push(form.namespace.clone());
    }
    let template = NewAppPage { form, problems, namespaces, csrf: &visit.visitor.csrf };
    Ok(framed(status, visit, "Deploy an app", "apps", &render(&template)))
}

pub(crate) async fn create(visit: &Visit) -> Result<Answer, ApiError> {
    let form = DeployForm::read(&visit.form);
    let (deployment, service) = match form.objects() {
        Ok(objects) => objects,
        Err(problems) => {
            return page(visit, StatusCode::UNPROCESSABLE_ENTITY, &form, &problems).await;
        }
    };
    match deploy(&*visit.client, &form, &deployment, service.as_ref()).await {
        Ok(()) => Ok(see_other(&format!("/apps/{}/{}", form.namespace, form.name))),
        Err(error) => {
            let status = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::BAD_REQUEST);
            page(visit, status, &form, &place_problems(&error)).await
        }
    }
}

/// Creates both objects or none.
async fn deploy(
    client: &dyn Client,
    form: &DeployForm,
    deployment: &Value,
    service: Option<&Value>,
) -> Result<(), ApiError> {
    let options = WriteOptions {
        field_manager: Some("longshore-dashboard".to_owned()),
        ..WriteOptions::default()
    };
    let key = key_of::<Deployment>(&form.namespace, &form.name);
    client.create(&key, "", deployment.to_string().into(), &options).await?;
    let Some(service) = service else { return Ok(()) };
    let service_key = key_of::<Service>(&form.namespace, &form.name);
    let made = client.create(&service_key, "", service.to_string().into(), &options).await;
    if let Err(error) = made {
        client.delete(&key, &DeleteOptions::default()).await?;
        return Err(error);
    }
    Ok(())
}

/// Puts what the API refused beside the field that caused it, where it can be told.
fn place_problems(error: &ApiError) -> Problems {
    const PLACES: &[(&str, &str)] = &[
        ("metadata.name", "name"),
        ("metadata.namespace", "namespace"),
        (".image", "image"),
        (".env", "environment"),
        ("spec.replicas", "replicas"),
        ("ort", "port"),
    ];
    let causes = error.details.as_ref().and_then(|details| details["causes"].as_array());
    let mut problems = Problems::new();
    for cause in causes.into_iter().flatten() {
        let path = cause["field"].as_str().unwrap_or_default();
        if let Some((_, field)) = PLACES.iter().find(|(part, _)| path.contains(part)) {
            let message = cause["message"].as_str().unwrap_or_default().to_owned();
            problems.entry(field).or_insert(message);
        }
    }
    if problems.is_empty() {
        problems.insert("", error.message.clone());
    }
    problems
}

#[cfg(test)]
mod tests {
    use object::FieldErrors;

    use super::*;

    #[test]
    fn refusals_stand_beside_their_fields() {
        let mut errors = FieldErrors::default();
        errors.invalid("metadata.name", "A_b", "a lowercase RFC 1123 subdomain");
        errors.required("spec.template.spec.containers[0].image", "");
        let problems = place_problems(&ApiError::invalid("Deployment.apps", "A_b", &errors));
        assert_eq!(problems.keys().copied().collect::<Vec<_>>(), ["image", "name"]);
        let exists = place_problems(&ApiError::already_exists("deployments.apps", "web"));
        assert_eq!(exists[""], "deployments.apps \"web\" already exists");
    }
}
