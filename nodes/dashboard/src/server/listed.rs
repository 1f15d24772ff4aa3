//! A camera of `cameras.yml` as the page gets it.
//!
//! What opens a camera goes in and never comes out: of a URL the page gets what may be printed, of
//! user and password that there are some.

use std::hash::{BuildHasher as _, RandomState};

use camweave_cameras::edit::{Editor, Written};
use camweave_cameras::{Camera, ClientKind, Credentials, Transport};
use camweave_message::{Polygon, Selection};
use serde::Serialize;

/// In place of the URLs of a camera of which one needs a variable that this node does not have.
const UNKNOWN_URL: &str = "***";

/// A camera as the page gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Listed {
    pub id: String,
    pub url: String,
    /// Where the stream is that is recorded, of a camera that has two.
    pub record_url: Option<String>,
    pub has_credentials: bool,
    pub transport: Option<&'static str>,
    pub client: &'static str,
    pub detect_fps: Option<f64>,
    pub detect: &'static str,
    /// With `detect: motion`: percent of the frame that must have changed.
    pub motion_area: Option<f64>,
    /// What the detector is given, in parts of the frame.
    pub region: Option<[f32; 4]>,
    /// Polygons in which objects are not reported, in parts of the frame.
    pub ignore: Vec<Vec<[f32; 2]>>,
    /// The fields that it has in the file.
    pub fields: Vec<String>,
    /// Those of them in which a variable of the node's environment is referred to.
    pub variables: Vec<String>,
    /// Another one after each change, also of what is not shown. What is before the hyphen is another
    /// one after a start of the server, which knows nothing of versions before it.
    pub version: String,
}

/// The cameras of a file.
pub(crate) fn listed(editor: &Editor, cameras: &[Camera], versions: &Versions) -> Vec<Listed> {
    let (written, without_url) = (editor.written(), editor.without_url());
    let each = cameras.iter().map(|camera| {
        let mut listed = Listed::of(camera, &written, versions);
        if without_url.contains(&camera.id) {
            listed.url = UNKNOWN_URL.to_owned();
            listed.record_url = listed.record_url.map(|_| UNKNOWN_URL.to_owned());
        }
        listed
    });
    each.collect()
}

impl Listed {
    fn of(camera: &Camera, written: &[Written], versions: &Versions) -> Self {
        let own = written.iter().find(|it| it.id == camera.id);
        let fields = || own.iter().flat_map(|it| &it.fields);
        let variables = fields().filter(|field| field.is_variable);
        Self {
            id: camera.id.clone(),
            url: camera.url.to_string(),
            record_url: camera.record.as_ref().map(|it| it.url.to_string()),
            has_credentials: camera.credentials.is_some()
                || (camera.record.as_ref()).is_some_and(|it| it.credentials.is_some()),
            transport: camera.transport.map(|it| match it {
                Transport::Tcp => "tcp",
                Transport::Udp => "udp",
            }),
            client: match camera.client {
                ClientKind::Auto => "auto",
                ClientKind::Rtsp => "rtsp",
                ClientKind::Ffmpeg => "ffmpeg",
            },
            detect_fps: match camera.selection {
                Selection::Every(nanos) => Some(1e9 / nanos.get() as f64),
                // It is used again once detection is on.
                Selection::Off => own.and_then(|it| it.detect_fps),
                Selection::All => None,
            },
            detect: match (camera.selection, camera.motion) {
                (Selection::Off, _) => "off",
                (_, Some(_)) => "motion",
                (_, None) => "all",
            },
            motion_area: camera.motion.map(|ppm| f64::from(ppm.get()) / 1e4),
            region: camera.areas.region.map(|it| it.edges()),
            ignore: camera.areas.ignored.polygons().iter().map(points).collect(),
            fields: fields().map(|field| field.name.clone()).collect(),
            variables: variables.map(|field| field.name.clone()).collect(),
            version: versions.of(camera, written),
        }
    }
}

fn points(polygon: &Polygon) -> Vec<[f32; 2]> {
    let points = polygon.values().chunks_exact(2);
    points.map(|point| [point[0], point[1]]).collect()
}

/// Tells whether a camera is what it was. The hash has a random key: with one that is known, a page
/// could try passwords against the version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions(RandomState);

impl Versions {
    pub fn of(&self, camera: &Camera, written: &[Written]) -> String {
        let login = camera.credentials.as_ref().map(Credentials::expose);
        let record = camera.record.as_ref().map(|it| {
            let login = it.credentials.as_ref().map(Credentials::expose);
            (it.url.expose(), login)
        });
        let own = written.iter().find(|it| it.id == camera.id);
        let all = (
            format!("{camera:?} {own:?}"),
            camera.url.expose(),
            login,
            record,
        );
        // That of something fixed names the key.
        let key = self.0.hash_one(());
        format!("{key:016x}-{:016x}", self.0.hash_one(all))
    }
}
