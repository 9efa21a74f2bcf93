//! `kubectl attach`.

use client::Connection;
use futures::future::BoxFuture;
use object::ApiError;

use super::{
    Request, checked,
    pump::{Ended, Size, exit_status, pump},
};
use crate::context::Context;

pub(super) async fn answer(
    context: &Context,
    request: &Request,
    connection: Connection,
) -> Result<(), ApiError> {
    let run = request.running(context).await?;
    let attached = checked(context.runtime.attach(&run.id, request.is("stdin")).await)?;
    let outgoing = connection.outgoing.clone();
    let tty = run.is_tty;
    let runtime = context.runtime.clone();
    let resize = move |size: Size| -> BoxFuture<'static, ()> {
        let (runtime, id) = (runtime.clone(), run.id.clone());
        Box::pin(async move {
            // A container that has just ended has no terminal any more.
            runtime.resize(&id, size.width, size.height).await.ok();
        })
    };
    if pump(connection, attached, tty, resize).await? == Ended::Output {
        // How the container ended stands in the pod's status.
        outgoing.send(exit_status(Some(0))).await.ok();
    }
    Ok(())
}
