//! The selector that a Job gets when its author gives none: its uid.

use k8s_openapi::api::batch::v1::Job;

pub(super) const UID: &str = "batch.kubernetes.io/controller-uid";
pub(super) const NAME: &str = "batch.kubernetes.io/job-name";
/// The names that both had before they had a domain; pods have them still.
pub(super) const OLD_UID: &str = "controller-uid";
pub(super) const OLD_NAME: &str = "job-name";

/// Labels the template and selects its pods by the job's uid.
pub(super) fn generate(job: &mut Job) {
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let name = job.metadata.name.clone().unwrap_or_default();
    let Some(spec) = &mut job.spec else { return };
    if spec.manual_selector == Some(true) {
        return;
    }
    let labels = spec.template.metadata.get_or_insert_default().labels.get_or_insert_default();
    for (key, value) in [(UID, &uid), (OLD_UID, &uid), (NAME, &name), (OLD_NAME, &name)] {
        // What the author wrote there is for validation to refuse.
        labels.entry(key.to_owned()).or_insert_with(|| value.clone());
    }
    let selector = spec.selector.get_or_insert_default().match_labels.get_or_insert_default();
    selector.entry(UID.to_owned()).or_insert(uid);
}
