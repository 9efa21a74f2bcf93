//! What Docker says about containers and about itself.

use bollard::{
    Docker as Connection,
    errors::Error,
    models::{ContainerInspectResponse, ContainerStateStatusEnum},
    query_parameters::ListContainersOptionsBuilder,
};
use jiff::Timestamp;
use planning::node::labels;

use super::{failed, filter};
use crate::runtime::{Engine, Inspected, Result};

pub(super) async fn engine(connection: &Connection) -> Result<Engine> {
    let (version, info) =
        tokio::try_join!(connection.version(), connection.info()).map_err(failed)?;
    Ok(Engine {
        version: version.version.unwrap_or_default(),
        api_version: connection.client_version().to_string(),
        host_name: info.name.unwrap_or_default(),
        operating_system: info.os_type.unwrap_or_default(),
        os_image: info.operating_system.unwrap_or_default(),
        architecture: version.arch.unwrap_or_default(),
        kernel: info.kernel_version.unwrap_or_default(),
        cpus: info.ncpu.unwrap_or_default(),
        memory_bytes: info.mem_total.unwrap_or_default(),
    })
}

pub(super) async fn containers(connection: &Connection, pod_uid: &str) -> Result<Vec<Inspected>> {
    let filters = filter("label", &format!("{}={pod_uid}", labels::POD_UID));
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let listed = connection.list_containers(Some(options)).await.map_err(failed)?;
    let mut found = Vec::with_capacity(listed.len());
    for id in listed.into_iter().filter_map(|container| container.id) {
        match connection.inspect_container(&id, None).await {
            Ok(container) => found.extend(inspected(container)),
            // It went between the list and now.
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(found)
}

pub(super) async fn is_never_started(connection: &Connection, name: &str) -> Result<bool> {
    let container = connection.inspect_container(name, None).await.map_err(failed)?;
    let status = container.state.and_then(|state| state.status);
    Ok(status == Some(ContainerStateStatusEnum::CREATED))
}

fn inspected(container: ContainerInspectResponse) -> Option<Inspected> {
    let state = container.state?;
    let config = container.config?;
    Some(Inspected {
        id: container.id?,
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        image: config.image.unwrap_or_default(),
        image_id: container.image.unwrap_or_default(),
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        is_running: state.running == Some(true),
        created_at: container.created.as_deref().and_then(time).unwrap_or(Timestamp::UNIX_EPOCH),
        started_at: state.started_at.as_deref().and_then(time),
        finished_at: state.finished_at.as_deref().and_then(time),
        exit_code: state.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or(-1),
        is_oom_killed: state.oom_killed == Some(true),
        error: state.error.unwrap_or_default(),
        is_tty: config.tty == Some(true),
        stop_signal: config.stop_signal.filter(|signal| !signal.is_empty()),
    })
}

/// A time as Docker writes it; the year 1 stands for none.
fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|time| time.as_second() > 0)
}
