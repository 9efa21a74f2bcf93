//! DaemonSet.

use k8s_openapi::{
    api::{apps::v1, core::v1::PodSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check, selector, template},
};

mod strategy;

pub struct DaemonSet;

impl Kind for DaemonSet {
    type Object = v1::DaemonSet;
    const SHORT_NAMES: &'static [&'static str] = &["ds"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::DaemonSet, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Desired", |set, _| count(set, |s| Some(s.desired_number_scheduled)).into())
            .integer(),
        column("Current", |set, _| count(set, |s| Some(s.current_number_scheduled)).into())
            .integer(),
        column("Ready", |set, _| count(set, |s| Some(s.number_ready)).into()).integer(),
        column("Up-to-date", |set, _| count(set, |s| s.updated_number_scheduled).into()).integer(),
        column("Available", |set, _| count(set, |s| s.number_available).into()).integer(),
        column("Node Selector", |set, _| {
            cells::labels(pod(set).and_then(|spec| spec.node_selector.as_ref()))
        }),
        cells::age(),
        column("Containers", |set, _| cells::container_names(pod(set)))
            .wide()
            .described("Names of each container in the template."),
        column("Images", |set, _| cells::container_images(pod(set)))
            .wide()
            .described("Images referenced by each container in the template."),
        column("Selector", |set: &v1::DaemonSet, _| {
            cells::maybe_selector(Some(&set.spec.selector))
        })
        .wide(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(set: &mut v1::DaemonSet) {
        let spec = &mut set.spec;
        spec.revision_history_limit.get_or_insert(10);
        let strategy = spec.update_strategy.get_or_insert_default();
        check::default_text(&mut strategy.type_, "RollingUpdate");
        if strategy.type_.as_deref() == Some("RollingUpdate") {
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
            rolling.max_surge.get_or_insert(IntOrString::Int(0));
        }
        template::set_defaults(spec.template.spec.get_or_insert_default());
    }

    fn prepare_create(set: &mut v1::DaemonSet) {
        set.status = Some(v1::DaemonSetStatus::default());
    }

    fn validate(set: &v1::DaemonSet, errors: &mut FieldErrors) {
        let spec = &set.spec;
        selector::validate_owner(&spec.selector, Some(&spec.template), "daemonset", errors);
        template::validate_template(&spec.template, "DaemonSet", errors);
        check::nonnegative(spec.min_ready_seconds, "spec.minReadySeconds", errors);
        check::nonnegative(spec.revision_history_limit, "spec.revisionHistoryLimit", errors);
        strategy::validate(spec.update_strategy.as_ref(), errors);
    }

    fn validate_update(new: &v1::DaemonSet, old: &v1::DaemonSet, errors: &mut FieldErrors) {
        if new.spec.selector != old.spec.selector {
            let selector = check::shown(&new.spec.selector);
            errors.invalid("spec.selector", selector, check::IMMUTABLE);
        }
    }
}

fn count(set: &v1::DaemonSet, read: fn(&v1::DaemonSetStatus) -> Option<i32>) -> i32 {
    set.status.as_ref().and_then(read).unwrap_or_default()
}

fn pod(set: &v1::DaemonSet) -> Option<&PodSpec> {
    set.spec.template.spec.as_ref()
}
