//! CronJob.

use jiff::Timestamp;
use k8s_openapi::api::{batch::v1, core::v1::PodSpec};
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Kind, Subresource, column, job,
    parts::{cells, check, cron, template},
};

const POLICIES: [&str; 3] = ["Allow", "Forbid", "Replace"];
/// A job's name is that of its CronJob and eleven more characters.
const NAME_MAX: usize = 52;

pub struct CronJob;

impl Kind for CronJob {
    type Object = v1::CronJob;
    const SHORT_NAMES: &'static [&'static str] = &["cj"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::CronJob, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Schedule", |job: &v1::CronJob, _| job.spec.schedule.as_str().into()),
        column("Timezone", |job: &v1::CronJob, _| cells::or_none(job.spec.time_zone.as_deref())),
        column("Suspend", suspend),
        column("Active", |job: &v1::CronJob, _| {
            let active = job.status.as_ref().and_then(|status| status.active.as_ref());
            active.map_or(0, Vec::len).into()
        })
        .integer(),
        column("Last Schedule", last_schedule),
        cells::age(),
        column("Containers", |job, _| cells::container_names(pod(job)))
            .wide()
            .described("Names of each container in the template."),
        column("Images", |job, _| cells::container_images(pod(job)))
            .wide()
            .described("Images referenced by each container in the template."),
        column("Selector", |job: &v1::CronJob, _| {
            let spec = job.spec.job_template.spec.as_ref();
            cells::maybe_selector(spec.and_then(|spec| spec.selector.as_ref()))
        })
        .wide(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(job: &mut v1::CronJob) {
        let spec = &mut job.spec;
        check::default_text(&mut spec.concurrency_policy, "Allow");
        spec.suspend.get_or_insert(false);
        spec.successful_jobs_history_limit.get_or_insert(3);
        spec.failed_jobs_history_limit.get_or_insert(1);
        let template = &mut spec.job_template.spec.get_or_insert_default().template;
        template::set_defaults(template.spec.get_or_insert_default());
    }

    fn prepare_create(job: &mut v1::CronJob) {
        job.status = Some(v1::CronJobStatus::default());
    }

    fn validate(job: &v1::CronJob, errors: &mut FieldErrors) {
        let spec = &job.spec;
        validate_schedule(spec, errors);
        check::nonnegative(spec.starting_deadline_seconds, "spec.startingDeadlineSeconds", errors);
        let policy = spec.concurrency_policy.as_deref();
        check::one_of(policy, "spec.concurrencyPolicy", &POLICIES, errors);
        for (field, value) in [
            ("successfulJobsHistoryLimit", spec.successful_jobs_history_limit),
            ("failedJobsHistoryLimit", spec.failed_jobs_history_limit),
        ] {
            check::nonnegative(value, &format!("spec.{field}"), errors);
        }
        let template = spec.job_template.spec.as_ref();
        if let Some(template) = template {
            let path = "spec.jobTemplate.spec";
            job::validate_spec(template, path, errors);
            if template.manual_selector == Some(true) {
                errors.not_supported(format!("{path}.manualSelector"), true, &["nil", "false"]);
            }
        }
        let name = job.metadata.name.as_deref().unwrap_or_default();
        if name.len() > NAME_MAX {
            errors.invalid("metadata.name", name, "must be no more than 52 characters");
        }
    }
}

fn validate_schedule(spec: &v1::CronJobSpec, errors: &mut FieldErrors) {
    let schedule = spec.schedule.as_str();
    if schedule.is_empty() {
        errors.required("spec.schedule", "");
    } else if schedule.contains("TZ") {
        errors.invalid(
            "spec.schedule",
            schedule,
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        );
    } else if let Err(why) = cron::check(schedule) {
        errors.invalid("spec.schedule", schedule, why);
    }
    let Some(zone) = spec.time_zone.as_deref() else { return };
    let path = "spec.timeZone";
    if zone.is_empty() {
        errors.invalid(path, zone, "timeZone must be nil or non-empty string");
    } else if zone.eq_ignore_ascii_case("local") {
        errors.invalid(
            path,
            zone,
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
        );
    } else if jiff::tz::TimeZone::get(zone).is_err() {
        errors.invalid(path, zone, format!("unknown time zone {zone}"));
    }
}

fn pod(job: &v1::CronJob) -> Option<&PodSpec> {
    job.spec.job_template.spec.as_ref()?.template.spec.as_ref()
}

fn suspend(job: &v1::CronJob, _: Timestamp) -> Value {
    match job.spec.suspend {
        Some(true) => "True".into(),
        Some(false) => "False".into(),
        None => "<unset>".into(),
    }
}

fn last_schedule(job: &v1::CronJob, now: Timestamp) -> Value {
    let last = job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    last.map_or(cells::NONE.into(), |last| cells::since(Some(last), now).into())
}
