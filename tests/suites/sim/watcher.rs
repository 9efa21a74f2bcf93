//! What must hold of workloads with every write.

use std::collections::{BTreeMap, BTreeSet};

use object::Key;
use serde_json::Value;

use crate::{
    agent::is_over,
    api::{is_deleting, text},
};

const JOBS: &str = "jobs.batch";
const CRONS: &str = "cronjobs.batch";

#[derive(Default)]
pub(crate) struct Watcher {
    /// Pods that have ended, by the uid of their owner.
    ended: BTreeMap<String, BTreeSet<String>>,
    /// Active pods of DaemonSets, by set, node and template.
    daemons: BTreeMap<Key, (String, String, String)>,
    /// The Jobs that each CronJob, by its uid, ever started.
    started: BTreeMap<String, BTreeSet<String>>,
    /// Jobs of CronJobs that forbid a second one and that have not ended, with their CronJob.
    running: BTreeMap<Key, String>,
    /// CronJobs that forbid a second Job while one runs.
    forbidding: BTreeSet<String>,
    /// Whether writes arrive after later ones: then nobody can promise how many Jobs run.
    pub(crate) is_late: bool,
}

impl Watcher {
    pub(crate) fn observe(
        &mut self,
        key: &Key,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Option<String> {
        match (&*key.kind, after) {
            ("pods", after) => self.observe_pod(key, before, after),
            (JOBS, after) => {
                let double = self.observe_child(key, before, after);
                double.or_else(|| self.check_counts(key, after?))
            }
            (CRONS, Some(cron)) => self.observe_cron(key, cron),
            _ => None,
        }
    }

    fn observe_pod(
        &mut self,
        key: &Key,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Option<String> {
        self.daemons.remove(key);
        let pod = after?;
        let owner = &pod["metadata"]["ownerReferences"][0];
        if owner["kind"] == "Job" && (is_over(pod) || is_deleting(pod)) {
            let uids = self.ended.entry(text(&owner["uid"])).or_default();
            uids.insert(text(&pod["metadata"]["uid"]));
        }
        if owner["kind"] != "DaemonSet" || is_deleting(pod) || is_over(pod) {
            return None;
        }
        let terms = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            ["nodeSelectorTerms"];
        let node = text(&terms[0]["matchFields"][0]["values"][0]);
        let hash = text(&pod["metadata"]["labels"]["controller-revision-hash"]);
        let place = (text(&owner["uid"]), node, hash);
        // A second one that people have handed back is taken, and one of both told to go.
        let is_new = before.is_none();
        let double = is_new && self.daemons.values().any(|other| *other == place);
        let told = format!("{key} is the second pod of {place:?}");
        self.daemons.insert(key.clone(), place);
        double.then_some(told)
    }

    /// Never more completions than asked for, and none that did not happen.
    fn check_counts(&self, key: &Key, job: &Value) -> Option<String> {
        let status = &job["status"];
        let count = |name: &str| status[name].as_u64().unwrap_or(0);
        let asked = job["spec"]["completions"].as_u64().unwrap_or(0);
        let uid = job["metadata"]["uid"].as_str().unwrap_or_default();
        let ended = self.ended.get(uid).map_or(0, BTreeSet::len) as u64;
        if count("succeeded") > asked {
            return Some(format!("{key} counts {} completions of {asked}", count("succeeded")));
        }
        let counted = count("succeeded") + count("failed");
        (counted > ended).then(|| format!("{key} counts {counted} ends of {ended}: {status}"))
    }

    /// A CronJob starts no Job twice, and none beside another where it forbids that.
    fn observe_child(
        &mut self,
        key: &Key,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> Option<String> {
        self.running.remove(key);
        let job = after?;
        let owner = &job["metadata"]["ownerReferences"][0];
        if owner["kind"] != "CronJob" {
            return None;
        }
        let cron = text(&owner["uid"]);
        let is_new = before.is_none();
        let names = self.started.entry(cron.clone()).or_default();
        if is_new && !names.insert(key.name.to_string()) {
            return Some(format!("{key} was started twice"));
        }
        if is_finished(job) || !self.forbidding.contains(&cron) {
            return None;
        }
        let others = self.running.values().filter(|other| **other == cron).count();
        self.running.insert(key.clone(), cron);
        (is_new && others > 0 && !self.is_late)
            .then(|| format!("{key} was started beside another, which is forbidden"))
    }

    /// What a CronJob says that it started, it did.
    fn observe_cron(&mut self, key: &Key, cron: &Value) -> Option<String> {
        let uid = text(&cron["metadata"]["uid"]);
        if cron["spec"]["concurrencyPolicy"] == "Forbid" {
            self.forbidding.insert(uid.clone());
        }
        let last: jiff::Timestamp = cron["status"]["lastScheduleTime"].as_str()?.parse().ok()?;
        let name = format!("{}-{}", key.name, last.as_second() / 60);
        let has_started = self.started.get(&uid).is_some_and(|names| names.contains(&name));
        (!has_started).then(|| format!("{key} never started {name}, which it notes"))
    }
}

pub(crate) fn is_finished(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| {
        (condition["type"] == "Complete" || condition["type"] == "Failed")
            && condition["status"] == "True"
    })
}
