//! Images: here, or pulled.

use bollard::{
    Docker as Connection, auth::DockerCredentials, errors::Error,
    query_parameters::CreateImageOptionsBuilder,
};
use futures::TryStreamExt;

use super::failed;
use crate::{
    image_name::ImageName,
    runtime::{Credentials, Image, Result, RuntimeError},
};

pub(super) async fn find(connection: &Connection, name: &str) -> Result<Option<Image>> {
    match connection.inspect_image(name).await {
        Ok(image) => Ok(Some(Image {
            id: image.id.unwrap_or_default(),
            user: image.config.and_then(|config| config.user).unwrap_or_default(),
        })),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

pub(super) async fn pull(
    connection: &Connection,
    name: &str,
    credentials: Option<Credentials>,
) -> Result<()> {
    let parsed = ImageName::parse(name).map_err(RuntimeError::Refused)?;
    let options = CreateImageOptionsBuilder::new()
        .from_image(&parsed.repository)
        .tag(&parsed.reference)
        .build();
    let credentials = credentials.map(|credentials| {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        DockerCredentials {
            username: some(credentials.user),
            password: some(credentials.password),
            identitytoken: some(credentials.identity_token),
            serveraddress: some(credentials.registry),
            ..DockerCredentials::default()
        }
    });
    let mut progress = Box::pin(connection.create_image(Some(options), None, credentials));
    while let Some(info) = progress.try_next().await.map_err(failed)? {
        // A pull that fails half way says so in the stream.
        if let Some(message) = info.error_detail.and_then(|detail| detail.message) {
            return Err(RuntimeError::Refused(message));
        }
    }
    Ok(())
}
