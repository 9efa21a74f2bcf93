//! The agent's image, made by hand: a `docker-archive` with one layer that holds this very
//! executable. Nothing is pulled, and the executable is streamed, never held in memory.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use ring::digest::{Context, SHA256};
use serde_json::json;
use tar::{EntryType, Header};
use tokio::sync::OnceCell;
use tokio_util::io::ReaderStream;

use crate::{Docker, runtime::Result as RuntimeResult};

pub(super) const REPOSITORY: &str = "longshore-agent";
/// This program, also when its file was replaced since it started.
const EXECUTABLE: &str = "/proc/self/exe";
/// What the executable is called in the image.
const PROGRAM: &str = "longshore";
const BLOCK: usize = 512;
const CHUNK: usize = 128 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentImage {
    /// With the digest of its content as tag.
    pub(super) name: String,
}

impl AgentImage {
    /// The image of the running program.
    pub(super) async fn of_this_program() -> io::Result<Self> {
        let layer = layer_digest().await?;
        Ok(Self { name: format!("{REPOSITORY}:{}", &layer[..16]) })
    }

    pub(super) async fn load(&self, docker: &Docker) -> RuntimeResult<()> {
        let unreadable = |error: io::Error| crate::RuntimeError::Refused(error.to_string());
        let archive = self.archive().await.map_err(unreadable)?;
        docker.load_image(archive).await
    }

    /// The `docker-archive` of this image, piece by piece.
    async fn archive(&self) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        let layer = layer_digest().await?;
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {"Entrypoint": [format!("/{PROGRAM}")], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
            "history": [{"created_by": "longshore"}],
        });
        let config = config.to_string();
        let config_name = format!("{}.json", digest(&[config.as_bytes()]));
        let manifest = json!([{
            "Config": config_name, "RepoTags": [self.name], "Layers": ["layer.tar"]}]);
        let file = tokio::fs::File::open(EXECUTABLE).await?;
        let size = file.metadata().await?.len();
        let (head, tail) = layer_around(size)?;
        let layer_size = head.len() as u64 + size + tail.len() as u64;
        let mut start = entry(&config_name, 0o644, config.as_bytes())?;
        start.extend(entry("manifest.json", 0o644, manifest.to_string().as_bytes())?);
        start.extend_from_slice(
            header("layer.tar", EntryType::Regular, 0o644, layer_size)?.as_bytes(),
        );
        start.extend(head);
        let mut end = tail;
        end.extend(padding(layer_size));
        end.extend(end_of_archive());
        let content = ReaderStream::with_capacity(file, CHUNK);
        let one = |bytes: Vec<u8>| stream::iter([Ok(Bytes::from(bytes))]);
        Ok(one(start).chain(content).chain(one(end)))
    }
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The layer's digest, computed once: it identifies this program.
async fn layer_digest() -> io::Result<&'static str> {
    static DIGEST: OnceCell<String> = OnceCell::const_new();
    let digest = DIGEST
        .get_or_try_init(|| async {
            let computed = tokio::task::spawn_blocking(compute_layer_digest).await;
            computed.map_err(io::Error::other)?
        })
        .await?;
    Ok(digest)
}

fn compute_layer_digest() -> io::Result<String> {
    let mut file = File::open(EXECUTABLE)?;
    let (head, tail) = layer_around(file.metadata()?.len())?;
    let mut context = Context::new(&SHA256);
    context.update(&head);
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        context.update(&buffer[..count]);
    }
    context.update(&tail);
    Ok(hex(context.finish().as_ref()))
}

/// The layer's bytes before and behind the executable.
fn layer_around(size: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    for (folder, mode) in [("etc/", 0o755), ("etc/longshore/", 0o700), ("tmp/", 0o1777)] {
        head.extend_from_slice(header(folder, EntryType::Directory, mode, 0)?.as_bytes());
    }
    head.extend_from_slice(header(PROGRAM, EntryType::Regular, 0o755, size)?.as_bytes());
    let mut tail = padding(size);
    tail.extend(end_of_archive());
    Ok((head, tail))
}

/// An archive with one file, to be unpacked at the root of a container.
pub(super) fn single_file(path: &str, mode: u32, content: &[u8]) -> io::Result<Bytes> {
    let mut archive = entry(path.trim_start_matches('/'), mode, content)?;
    archive.extend(end_of_archive());
    Ok(archive.into())
}

fn entry(path: &str, mode: u32, content: &[u8]) -> io::Result<Vec<u8>> {
    let size = content.len() as u64;
    let mut bytes = header(path, EntryType::Regular, mode, size)?.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.extend(padding(size));
    Ok(bytes)
}

/// Times are left at zero, so that the same content has the same digest.
fn header(path: &str, kind: EntryType, mode: u32, size: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(Path::new(path))?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header)
}

fn padding(size: u64) -> Vec<u8> {
    let over = usize::try_from(size % BLOCK as u64).expect("a block's size fits");
    if over == 0 { Vec::new() } else { vec![0; BLOCK - over] }
}

fn end_of_archive() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// SHA-256 of the pieces, in hexadecimal.
pub(super) fn digest(pieces: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(piece);
    }
    hex(context.finish().as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use futures::TryStreamExt;

    use super::*;

    /// Reads the archive as an engine would: the digests named in it fit the bytes.
    #[tokio::test]
    async fn the_archive_is_whole() {
        let image = AgentImage::of_this_program().await.unwrap();
        let pieces: Vec<Bytes> = image.archive().await.unwrap().try_collect().await.unwrap();
        let mut files = std::collections::BTreeMap::new();
        for entry in tar::Archive::new(Cursor::new(pieces.concat())).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), content);
        }
        let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let config_name = manifest[0]["Config"].as_str().unwrap();
        assert_eq!(config_name, format!("{}.json", digest(&[&files[config_name]])));
        let config: serde_json::Value = serde_json::from_slice(&files[config_name]).unwrap();
        let layer = format!("sha256:{}", digest(&[&files["layer.tar"]]));
        assert_eq!(config["rootfs"]["diff_ids"][0], layer);
        let mut layer = tar::Archive::new(Cursor::new(&files["layer.tar"]));
        let program = layer
            .entries()
            .unwrap()
            .map(Result::unwrap)
            .find(|entry| entry.path().unwrap() == Path::new(PROGRAM));
        assert_eq!(program.unwrap().size(), std::fs::metadata(EXECUTABLE).unwrap().len());
    }
}
