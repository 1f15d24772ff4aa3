//! The initialization segment: what a file has before its fragments.

use mp4_atom::{
    Dinf, Dref, Encode as _, FourCC, Ftyp, Hdlr, Matrix, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Stbl,
    Stco, Stsd, Tkhd, Trak, Trex, Url, Vmhd,
};

use crate::error::Mp4Error;
use crate::track::Track;

/// A file has one track.
pub(crate) const TRACK_ID: u32 = 1;
/// 1 as a matrix has it: 16 bits are behind the point.
const ONE: i32 = 1 << 16;

impl Track {
    /// The initialization segment: `ftyp` and `moov`. Its duration is 0, which says that it is not
    /// known: players take the file for a live one.
    ///
    /// # Errors
    /// If a box cannot be written.
    pub fn initialization(&self) -> Result<Vec<u8>, Mp4Error> {
        self.initialization_with(|_| {})
    }

    pub(crate) fn initialization_with(
        &self,
        change: impl Fn(&mut Mvex),
    ) -> Result<Vec<u8>, Mp4Error> {
        // iso6: fragments with their decode time, and offsets that count from the fragment.
        let brand = FourCC::new(b"iso6");
        let ftyp = Ftyp {
            major_brand: brand,
            minor_version: 0,
            compatible_brands: vec![brand, FourCC::new(b"mp41")],
        };
        let mut bytes = Vec::with_capacity(1024);
        ftyp.encode(&mut bytes)?;
        let mut moov = self.moov();
        moov.mvex.iter_mut().for_each(change);
        moov.encode(&mut bytes)?;
        Ok(bytes)
    }

    fn moov(&self) -> Moov {
        let mvhd = Mvhd {
            timescale: self.timescale,
            rate: 1_u16.into(),
            next_track_id: TRACK_ID + 1,
            ..Mvhd::default()
        };
        let trex = Trex {
            track_id: TRACK_ID,
            default_sample_description_index: 1,
            ..Trex::default()
        };
        Moov {
            mvhd,
            mvex: Some(Mvex {
                mehd: None,
                trex: vec![trex],
            }),
            trak: vec![self.trak()],
            ..Moov::default()
        }
    }

    fn trak(&self) -> Trak {
        let tkhd = Tkhd {
            track_id: TRACK_ID,
            enabled: true,
            in_movie: true,
            width: self.size.0.into(),
            height: self.size.1.into(),
            matrix: self.matrix(),
            ..Tkhd::default()
        };
        let mdhd = Mdhd {
            timescale: self.timescale,
            language: "und".to_owned(),
            ..Mdhd::default()
        };
        let hdlr = Hdlr {
            handler: FourCC::new(b"vide"),
            name: String::new(),
        };
        Trak {
            tkhd,
            mdia: Mdia {
                mdhd,
                hdlr,
                minf: self.minf(),
            },
            ..Trak::default()
        }
    }

    /// A stored (x, y) is shown at (a x + c y + tx, b x + d y + ty); y goes down.
    fn matrix(&self) -> Matrix {
        let (width, height) = (i32::from(self.size.0), i32::from(self.size.1));
        let (mut a, b, mut c, d) = match self.quarters {
            0 => (1, 0, 0, 1),
            1 => (0, 1, -1, 0),
            2 => (-1, 0, 0, -1),
            _ => (0, -1, 1, 0),
        };
        if self.is_mirrored {
            (a, c) = (-a, -c);
        }
        // What would be shown left of, or above, the origin is moved there.
        let shift = |x: i32, y: i32| -(x * width).min(0) - (y * height).min(0);
        Matrix {
            a: a * ONE,
            b: b * ONE,
            c: c * ONE,
            d: d * ONE,
            x: shift(a, c).saturating_mul(ONE),
            y: shift(b, d).saturating_mul(ONE),
            ..Matrix::default()
        }
    }

    fn minf(&self) -> Minf {
        // The samples are in the fragments; the tables must be there all the same.
        let stbl = Stbl {
            stsd: Stsd {
                codecs: vec![self.entry.clone()],
            },
            stco: Some(Stco::default()),
            ..Stbl::default()
        };
        let dref = Dref {
            entries: vec![Url::default().into()],
        };
        Minf {
            vmhd: Some(Vmhd::default()),
            dinf: Dinf { dref },
            stbl,
            ..Minf::default()
        }
    }
}
