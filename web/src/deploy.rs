//! What the deploy form asks for, as objects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::form::Form;

/// The deploy form's fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeployForm {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) image: String,
    pub(crate) command: String,
    pub(crate) port: String,
    pub(crate) replicas: String,
    pub(crate) environment: String,
    pub(crate) health_path: String,
    pub(crate) publish: bool,
}

/// A problem of one field, by its name in the form; empty for the whole.
pub(crate) type Problems = BTreeMap<&'static str, String>;

impl DeployForm {
    pub(crate) fn read(form: &Form) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            name: text("name"),
            namespace: text("namespace"),
            image: text("image"),
            command: text("command"),
            port: text("port"),
            replicas: text("replicas"),
            environment: text("environment"),
            health_path: text("health_path"),
            publish: !form.text("publish").is_empty(),
        }
    }

    /// The Deployment and, when there is a port, the Service.
    ///
    /// # Errors
    /// The fields that can not be understood; the API judges the rest.
    pub(crate) fn objects(&self) -> Result<(Value, Option<Value>), Problems> {
        let mut problems = Problems::new();
        let replicas = number(&self.replicas, 1, 1000).unwrap_or_else(|why| {
            problems.insert("replicas", why);
            0
        });
        let port = match self.port.as_str() {
            "" => None,
            text => number(text, 1, 65_535).map_err(|why| problems.insert("port", why)).ok(),
        };
        if self.name.is_empty() {
            problems.insert("name", "Give the app a name.".to_owned());
        }
        if self.image.is_empty() {
            problems.insert("image", "Name the image to run, as nginx:1.27.".to_owned());
        }
        if !self.health_path.is_empty() && (port.is_none() || !self.health_path.starts_with('/')) {
            let why = "A health path starts with / and needs a port.";
            problems.insert("health_path", why.to_owned());
        }
        let environment = parse_environment(&self.environment).unwrap_or_else(|why| {
            problems.insert("environment", why);
            Vec::new()
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        let deployment = self.deployment(replicas, port, &environment);
        Ok((deployment, port.map(|port| self.service(port))))
    }

    fn deployment(&self, replicas: i64, port: Option<i64>, environment: &[Value]) -> Value {
        let mut container = json!({"name": self.name, "image": self.image, "env": environment});
        if !self.command.is_empty() {
            container["command"] = json!(["sh", "-c", self.command]);
        }
        if let Some(port) = port {
            container["ports"] = json!([{"name": "http", "containerPort": port}]);
            // Without a path, a port that accepts connections counts as ready.
            container["readinessProbe"] = if self.health_path.is_empty() {
                json!({"tcpSocket": {"port": port}, "periodSeconds": 2})
            } else {
                json!({"httpGet": {"path": self.health_path, "port": port}, "periodSeconds": 2})
            };
        }
        let labels = json!({"app": self.name});
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": labels},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        })
    }

    fn service(&self, port: i64) -> Value {
        let labels = json!({"app": self.name});
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": labels},
            "spec": {
                "type": if self.publish { "NodePort" } else { "ClusterIP" },
                "selector": labels,
                "ports": [{"name": "http", "port": 80, "targetPort": port}],
            },
        })
    }
}

/// A whole number between two bounds.
///
/// # Errors
/// What to type instead.
pub(crate) fn number(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let number = text.parse::<i64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("Give a whole number from {least} to {most}."))
}

/// Lines of `NAME=value`, blank ones aside.
fn parse_environment(text: &str) -> Result<Vec<Value>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(json!({"name": name, "value": value})),
            _ => Err(format!("\"{line}\" is not NAME=value.")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> DeployForm {
        DeployForm {
            name: "web".into(),
            namespace: "default".into(),
            image: "busybox:1".into(),
            port: "8080".into(),
            replicas: "3".into(),
            environment: "A=1\n\nB=x=y".into(),
            health_path: "/health".into(),
            publish: true,
            ..DeployForm::default()
        }
    }

    #[test]
    fn makes_a_deployment_and_a_service() {
        let (deployment, service) = filled().objects().unwrap();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(deployment["spec"]["replicas"], 3);
        assert_eq!(container["env"][1], json!({"name": "B", "value": "x=y"}));
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/health");
        let service = service.unwrap();
        assert_eq!(service["spec"]["type"], "NodePort");
        assert_eq!(service["spec"]["ports"][0]["targetPort"], 8080);
    }

    #[test]
    fn names_every_field_that_it_does_not_understand() {
        let form = DeployForm {
            port: "x".into(),
            replicas: "-1".into(),
            environment: "novalue".into(),
            ..DeployForm::default()
        };
        let problems: Vec<_> = form.objects().unwrap_err().into_keys().collect();
        assert_eq!(problems, ["environment", "image", "name", "port", "replicas"]);
    }
}
