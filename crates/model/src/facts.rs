//! What decides how a model is described.

use crate::file::ModelFile;
use crate::places::Places;
use crate::settings::{ModelSettings, settings_path};
use crate::size::{MAX_HEAD_BYTES, shown};

/// Outputs that an error shows.
const MAX_SHOWN: usize = 8;

/// A line that says what to write, and where.
pub(crate) fn write(file: &ModelFile, line: &str) -> String {
    let path = settings_path(&file.path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("write '{line}' into {name}")
}

/// What decides.
pub(crate) struct Facts<'a> {
    pub file: &'a ModelFile,
    pub settings: &'a ModelSettings,
    /// Of one frame, without the batch and without sides of 1.
    pub shapes: Vec<Vec<usize>>,
    /// As they are.
    pub found: &'a [Vec<usize>],
    pub names: Option<Vec<String>>,
    pub size: (u32, u32),
    pub places: Places,
}

impl<'a> Facts<'a> {
    /// Of outputs of these shapes, for `batch` frames of this width and height.
    ///
    /// # Errors
    /// An output is too large, or `MODEL.yml` has no names where it should.
    pub fn new(
        file: &'a ModelFile,
        size: (u32, u32),
        batch: usize,
        found: &'a [Vec<usize>],
    ) -> Result<Self, String> {
        let settings = &file.settings;
        let names = settings
            .class_names()?
            .or_else(|| file.metadata.class_names.clone());
        let mut shapes = Vec::with_capacity(found.len());
        for (shape, output) in found.iter().zip(&file.outputs) {
            let frame = shape.get(1..).unwrap_or_default();
            let bytes = frame
                .iter()
                .fold(4_u64, |bytes, &size| bytes.saturating_mul(size as u64));
            if bytes > MAX_HEAD_BYTES {
                return Err(format!(
                    "output '{}' of shape {shape:?}, expected at most {MAX_HEAD_BYTES} bytes for a frame",
                    shown(&output.name)
                ));
            }
            // One without a batch is read by no family.
            let is_batch = shape.first() == Some(&batch);
            shapes.push(if is_batch { flat(frame) } else { Vec::new() });
        }
        Ok(Self {
            file,
            settings,
            shapes,
            found,
            names,
            size,
            places: Places::of(size),
        })
    }

    /// The place of an output that `MODEL.yml` names.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn output(&self, name: &str) -> Result<usize, String> {
        let found = self.file.outputs.iter().position(|it| it.name == name);
        found.ok_or_else(|| {
            format!(
                "MODEL.yml names output '{}', its outputs are {}",
                shown(name),
                self.shown()
            )
        })
    }

    /// The place of the first output that has one of these names, whatever the case.
    pub fn by_word(&self, words: &[&str]) -> Option<usize> {
        let of = |word: &&str| {
            let mut all = self.file.outputs.iter();
            all.position(|it| it.name.eq_ignore_ascii_case(word))
        };
        words.iter().find_map(of)
    }

    /// The outputs with their shapes, for errors.
    pub fn shown(&self) -> String {
        let all = self.file.outputs.iter().zip(self.found).take(MAX_SHOWN);
        let all: Vec<String> = all
            .map(|(output, shape)| format!("'{}' {shape:?}", shown(&output.name)))
            .collect();
        all.join(", ")
    }
}

/// A frame's shape without sides of 1, as far as two are left: `[places, 1, 4]`.
fn flat(frame: &[usize]) -> Vec<usize> {
    let mut sizes = frame.to_vec();
    while sizes.len() > 2
        && let Some(one) = sizes[..sizes.len() - 1].iter().position(|it| *it == 1)
    {
        sizes.remove(one);
    }
    sizes
}
