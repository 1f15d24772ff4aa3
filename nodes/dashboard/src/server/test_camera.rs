//! A look at a camera for a page: what it sends, and what is unusual about it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camweave_cameras::{Camera, edit};
use camweave_probe::{Options, Probed, probe};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::cameras::{Changed, File, Given, Refusal, values};
use crate::images::jpeg;

/// A camera that is in no file yet.
const NAMELESS: &str = "new";

/// What is to be looked at: a camera of the file, as it would be with `set` and `unset`, or one of
/// these `fields`, which may be added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tested {
    id: Option<String>,
    fields: Option<BTreeMap<String, Given>>,
    #[serde(default)]
    set: BTreeMap<String, Given>,
    #[serde(default)]
    unset: Vec<String>,
}

fn refuse(status: StatusCode, line: String) -> Refusal {
    Refusal { status, line }
}

fn camera(file: &File, tested: Tested) -> Result<Camera, Refusal> {
    let Tested {
        id,
        fields,
        set,
        unset,
    } = tested;
    let Some(fields) = &fields else {
        let changed = Changed {
            set,
            unset,
            version: None,
        };
        return file.camera(&id.unwrap_or_default(), &changed);
    };
    let fields = values(fields)?;
    let id = id.as_deref().unwrap_or(NAMELESS);
    edit::camera(id, &fields)
        .map_err(|error| refuse(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

/// Connects to a camera, watches it for some seconds, and says what it sends. The place among those
/// that run at once is taken until the test ends, be the page that asked for it gone or not.
pub(crate) async fn run(
    file: &File,
    tested: Tested,
    place: OwnedSemaphorePermit,
) -> Result<String, Refusal> {
    let file = file.clone();
    // A runtime and a thread of its own: decoding a frame would keep the server waiting.
    let work = move || {
        let _place = place;
        let camera = camera(&file, tested)?;
        // A camera may quote what it was sent.
        let _hidden = camweave_redact::remember_while(&camera.known_secrets());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        let options = Options {
            with_image: true,
            ..Options::default()
        };
        let found = runtime.block_on(probe(&camera, &options, drop));
        let found = found.map_err(|failure| {
            let advice = failure.kind.advice();
            let line = format!("{failure}: {advice}");
            refuse(
                StatusCode::BAD_GATEWAY,
                camweave_redact::log_line(&line).into_owned(),
            )
        })?;
        Ok(answer(&found))
    };
    let failed = |_| {
        let line = "the test failed".to_owned();
        refuse(StatusCode::INTERNAL_SERVER_ERROR, line)
    };
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

fn answer(found: &Probed) -> String {
    let stream = &found.stream;
    let image = match &found.image {
        Some(Ok(image)) => {
            let size = (image.width as usize, image.height as usize);
            let made = jpeg(image.rgb.clone(), size).ok();
            made.map(|bytes| format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)))
        }
        Some(Err(_)) | None => None,
    };
    let keyframes = stream.keyframe_interval;
    let keyframes =
        keyframes.map(|it| serde_json::json!({"frames": it.frames, "seconds": it.seconds}));
    let remarks: Vec<String> = found.remarks.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "codec": found.codec.as_str(),
        "width": found.size.map(|(width, _)| width),
        "height": found.size.map(|(_, height)| height),
        "transport": found.transport,
        "client": found.client,
        "frame_rate": stream.frame_rate,
        "keyframe_interval": keyframes,
        "bit_rate": stream.bit_rate,
        "remarks": remarks,
        "image": image,
    })
    .to_string()
}
