//! Streams to this node's containers, as they arrive from the API: logs, commands, attachments,
//! forwarded ports, connections to pods; and questions about the node itself.

mod attach;
mod dial;
mod exec;
mod forward;
mod logs;
mod node_api;
mod pump;

use std::{str::FromStr, sync::Arc};

use client::{
    Connection, Frame,
    tunnel::{Operation, StreamHeader},
};
use object::ApiError;
use planning::node::labels;

use crate::{
    RuntimeError,
    context::Context,
    runtime::{Inspected, Result as RuntimeResult},
};

/// Answers one stream to its end.
pub(crate) async fn answer(context: Arc<Context>, header: StreamHeader, connection: Connection) {
    let failures = connection.outgoing.clone();
    let request = Request { query: parse(&header.query), header };
    let answered = match request.header.operation {
        Operation::Log => logs::answer(&context, &request, connection).await,
        Operation::Exec => exec::answer(&context, &request, connection).await,
        Operation::Attach => attach::answer(&context, &request, connection).await,
        Operation::PortForward => forward::answer(&context, &request, connection).await,
        Operation::Dial => match dial::connect(&context, &request).await {
            Ok(stream) => {
                // Nothing but the stream may hold the sending half: its end is told by dropping it.
                drop(failures);
                return dial::carry(stream, connection).await;
            }
            Err(error) => Err(error),
        },
        Operation::Node => {
            drop(failures);
            return node_api::answer(context.clone(), connection).await;
        }
        Operation::Heartbeat => Ok(()),
    };
    if let Err(error) = answered {
        // A client that has left hears nothing, which is as it should be.
        failures.send(Frame::failure(&error)).await.ok();
    }
}

/// What a stream asks for.
struct Request {
    header: StreamHeader,
    query: Vec<(String, String)>,
}

fn parse(query: &str) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

impl Request {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is(&self, name: &str) -> bool {
        self.all(name).next().is_some_and(|value| matches!(value, "true" | "1"))
    }

    /// A value that has to be of its type when it is there.
    fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.all(name).next().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let invalid = || ApiError::bad_request(format!("{name}: \"{text}\" is not valid"));
        text.parse().map(Some).map_err(|_| invalid())
    }

    /// The runs of the container that is asked for, oldest first. Without a name the pod has to
    /// have one container only.
    async fn runs(&self, context: &Context) -> Result<Vec<Inspected>, ApiError> {
        let found = all_of(context, &self.header.uid).await?;
        let mut runs: Vec<Inspected> = found
            .into_iter()
            .filter(|found| found.labels.contains_key(labels::CONTAINER_NAME))
            .filter(|found| {
                self.header.container.is_empty() || name_of(found) == self.header.container
            })
            .collect();
        runs.sort_by_key(run_number);
        let mut names: Vec<&str> = runs.iter().map(name_of).collect();
        names.dedup();
        if let [first, .., last] = names.as_slice()
            && first != last
        {
            let pod = &self.header.pod;
            return Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {pod}"
            )));
        }
        Ok(runs)
    }

    /// The run that is there to talk to.
    async fn running(&self, context: &Context) -> Result<Inspected, ApiError> {
        let newest = self.runs(context).await?.pop();
        newest.filter(|run| run.is_running).ok_or_else(|| {
            let (container, pod) = (&self.header.container, &self.header.pod);
            ApiError::bad_request(format!("container {container} in pod {pod} is not running"))
        })
    }
}

async fn all_of(context: &Context, uid: &str) -> Result<Vec<Inspected>, ApiError> {
    context.runtime.containers(uid).await.map_err(refused)
}

fn name_of(found: &Inspected) -> &str {
    found.labels.get(labels::CONTAINER_NAME).map(String::as_str).unwrap_or_default()
}

fn run_number(found: &Inspected) -> i32 {
    let label = found.labels.get(labels::RESTART_COUNT);
    label.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn refused(error: RuntimeError) -> ApiError {
    match error {
        RuntimeError::Unreachable(message) => ApiError::unavailable(message),
        RuntimeError::NotFound(message) | RuntimeError::Refused(message) => {
            ApiError::internal(message)
        }
    }
}

/// What the engine says, as the API says it.
fn checked<T>(result: RuntimeResult<T>) -> Result<T, ApiError> {
    result.map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_options() {
        let header = StreamHeader {
            operation: Operation::Log,
            namespace: "d".into(),
            pod: "p".into(),
            uid: "u".into(),
            container: String::new(),
            query: String::new(),
        };
        let query = parse("command=sh&command=-c&command=a%20b&tty=true&tailLines=5&bad=x");
        let request = Request { header, query };
        assert_eq!(request.all("command").collect::<Vec<_>>(), ["sh", "-c", "a b"]);
        assert!(request.is("tty") && !request.is("stdin"));
        assert_eq!(request.value::<u64>("tailLines").unwrap(), Some(5));
        assert_eq!(request.value::<u64>("none").unwrap(), None);
        assert!(request.value::<u64>("bad").is_err());
    }
}
