//! The pods of a Job.

use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod};
use object::Key;

use super::{
    FINALIZER,
    accounting::{FAILURES, IGNORED},
    scale::Tries,
    work::{INDEX, Work},
};
use crate::{
    Severity, names,
    pods::{self, PODS},
};

const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
const NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
const UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

/// Pods of a Job without indexes. Each has the number of pods that were before it.
pub(super) fn numbered(work: &mut Work<'_>, count: usize) {
    let counted = u64::from(work.succeeded()) + u64::from(work.failed());
    let mut number = counted + work.tracked.len() as u64;
    for _ in 0..count {
        let base = work.entry.key.name.to_string();
        let name = loop {
            let name = names::generated(&base, &[&work.entry.meta.uid, &number.to_string()]);
            number += 1;
            if is_free(work, &name) {
                break name;
            }
        };
        let mut pod = pod(work, &name);
        pod.metadata.generate_name = Some(format!("{base}-"));
        create(work, &pod, &name);
    }
}

pub(super) fn indexed(work: &mut Work<'_>, due: &[(u32, Tries)]) {
    for (index, tries) in due {
        let index = index.to_string();
        let base = format!("{}-{index}", work.entry.key.name);
        let name = (tries.failures + tries.ignored..)
            .map(|incarnation| {
                let incarnation = incarnation.to_string();
                names::generated(&base, &[&work.entry.meta.uid, &index, &incarnation])
            })
            .find(|name| is_free(work, name))
            .expect("a world does not hold all names");
        let mut pod = pod(work, &name);
        pod.metadata.generate_name = Some(format!("{base}-"));
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(INDEX.to_owned(), index.clone());
        if work.limit_per_index().is_some() {
            annotations.insert(FAILURES.to_owned(), tries.failures.to_string());
            if tries.ignored > 0 {
                annotations.insert(IGNORED.to_owned(), tries.ignored.to_string());
            }
        }
        let labels = pod.metadata.labels.get_or_insert_default();
        labels.insert(INDEX.to_owned(), index);
        let spec = pod.spec.get_or_insert_default();
        spec.hostname.get_or_insert(base);
        let init = spec.init_containers.iter_mut().flatten();
        init.chain(&mut spec.containers).for_each(tell_index);
        create(work, &pod, &name);
    }
}

fn is_free(work: &Work<'_>, name: &str) -> bool {
    work.world.entry(&Key::new(PODS, &work.entry.key.namespace, name)).is_none()
}

fn pod(work: &Work<'_>, name: &str) -> Pod {
    let mut pod = pods::from_template(Some(&work.spec().template), work.entry, name);
    pod.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
    if work.spec().manual_selector != Some(true) {
        let labels = pod.metadata.labels.get_or_insert_default();
        for label in NAME_LABELS {
            labels.insert(label.to_owned(), work.entry.key.name.to_string());
        }
        for label in UID_LABELS {
            labels.insert(label.to_owned(), work.entry.meta.uid.to_string());
        }
    }
    pod
}

fn create(work: &mut Work<'_>, pod: &Pod, name: &str) {
    work.after.push(pods::create(pod));
    work.event(Severity::Normal, "SuccessfulCreate", format!("Created pod: {name}"));
}

fn tell_index(container: &mut Container) {
    let variables = container.env.get_or_insert_default();
    if variables.iter().any(|variable| variable.name == INDEX_VARIABLE) {
        return;
    }
    variables.push(EnvVar {
        name: INDEX_VARIABLE.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: format!("metadata.labels['{INDEX}']"),
            }),
            ..EnvVarSource::default()
        }),
    });
}
