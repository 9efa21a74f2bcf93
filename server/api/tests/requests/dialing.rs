//! Connections into the cluster.

use api::streams::{Exchanged, exchange};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response};
use http_body_util::Full;

use crate::{
    backends::{agent, serve, service},
    harness::Harness,
};

#[tokio::test]
async fn a_service_is_dialled_over_the_tunnel_of_its_endpoints_node() {
    let api = Harness::start().await;
    let absent = api.api.dial_service("default", "web", "80").await.err().unwrap();
    assert_eq!((absent.code(), &*absent.message), (404, "services \"web\" not found"));
    service(&api).await;
    let _agent = agent(&api, |header, pipe| async move {
        let query = header.query;
        serve(pipe, move |request| {
            let text = format!("{query} {} {}", request.uri(), request.body().len());
            async move { Response::new(Full::from(text)) }
        })
        .await;
    });
    let stream = api.api.dial_service("default", "web", "80").await.unwrap();
    let body =
        futures::stream::iter(["abc", "abc"].map(|part| Ok(Bytes::from_static(part.as_bytes()))))
            .boxed();
    let request = Request::post("/x?y=1").header("host", "web").body(body).unwrap();
    let Exchanged::Answered(response) = exchange(stream, None, request).await.unwrap() else {
        panic!("no upgrade was asked for");
    };
    let body: Vec<Bytes> = response.into_body().try_collect().await.unwrap();
    assert_eq!(body.concat(), b"address=10.42.0.5:8080 /x?y=1 6");
}
