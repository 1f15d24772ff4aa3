//! The frame being drawn: pixels, who owns each of them, and the buffer objects are drawn in before they are laid over.

/// A frame and the buffers it is made with. Reuse one per thread: nothing large is allocated per frame.
#[derive(Clone, Debug)]
pub struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) rgba: Vec<u8>,
    /// Owner of each pixel: 0 is the scenery, n the n-th object of the frame.
    pub(super) owners: Vec<u8>,
    pub(super) sprite: Vec<u8>,
}

/// Alpha from which a pixel belongs to an object: more than one half.
pub(super) const OWNED_ALPHA: u8 = 128;

/// A rectangle of pixels in frame coordinates; it may reach outside the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelRect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// What a sprite's pixels say about the object drawn in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Owned pixels, inside and outside the frame.
    pub(super) pixels: u32,
    /// Box of the owned pixels inside the frame: x1, y1, x2, y2, half-open; `None` where there is none.
    pub(super) bbox: Option<[i32; 4]>,
}

impl Canvas {
    /// An empty (black) frame.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self {
            width,
            height,
            rgba: vec![0; width * height * 4],
            owners: vec![0; width * height],
            sprite: Vec::new(),
        }
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width as u32
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height as u32
    }

    /// The picture: height x width x 4 bytes, red, green, blue, 255; rows from the top, no padding.
    #[must_use]
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// Starts a frame as a copy of `background` (same layout as the frame).
    pub(super) fn start(&mut self, background: &[u8]) {
        self.rgba.copy_from_slice(background);
        self.owners.fill(0);
    }

    /// Lays premultiplied pixels over the frame. `visible[n]` counts the pixels that owner n holds.
    pub(super) fn lay(
        &mut self,
        pixels: &[u8],
        rect: PixelRect,
        owner: u8,
        visible: &mut [u32; 256],
    ) {
        let Some((columns, rows)) = self.inside(rect) else {
            return;
        };
        for y in rows {
            let source = ((y as i32 - rect.y) as usize * rect.width
                + (columns.start as i32 - rect.x) as usize)
                * 4;
            let source = &pixels[source..source + columns.len() * 4];
            let row = y * self.width;
            let target = &mut self.rgba[(row + columns.start) * 4..(row + columns.end) * 4];
            let owners = &mut self.owners[row + columns.start..row + columns.end];
            for ((s, t), o) in source
                .chunks_exact(4)
                .zip(target.chunks_exact_mut(4))
                .zip(owners)
            {
                let alpha = s[3];
                if alpha == 0 {
                    continue;
                }
                if alpha == 255 {
                    t[..3].copy_from_slice(&s[..3]);
                } else {
                    let rest = u32::from(255 - alpha);
                    for i in 0..3 {
                        t[i] = s[i].saturating_add(((u32::from(t[i]) * rest + 127) / 255) as u8);
                    }
                }
                if alpha >= OWNED_ALPHA {
                    visible[usize::from(*o)] -= 1;
                    visible[usize::from(owner)] += 1;
                    *o = owner;
                }
            }
        }
    }

    /// Columns and rows of the frame that `rect` covers.
    fn inside(&self, rect: PixelRect) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        let cut = |from: i32, length: usize, limit: usize| {
            let end = (i64::from(from) + length as i64).clamp(0, limit as i64) as usize;
            let start = from.clamp(0, limit as i32) as usize;
            (start < end).then_some(start..end)
        };
        Some((
            cut(rect.x, rect.width, self.width)?,
            cut(rect.y, rect.height, self.height)?,
        ))
    }

    /// Measures the owned pixels of a sprite.
    pub(super) fn measure(&self, pixels: &[u8], rect: PixelRect) -> Extent {
        let (mut count, mut bbox) = (0, None::<[i32; 4]>);
        let frame = [self.width as i32, self.height as i32];
        for (row, line) in pixels
            .chunks_exact(rect.width * 4)
            .take(rect.height)
            .enumerate()
        {
            let y = rect.y + row as i32;
            let mut first = None;
            let mut last = 0;
            for (column, p) in line.chunks_exact(4).enumerate() {
                if p[3] >= OWNED_ALPHA {
                    count += 1;
                    let x = rect.x + column as i32;
                    if (0..frame[0]).contains(&x) {
                        first.get_or_insert(x);
                        last = x;
                    }
                }
            }
            if let (Some(first), true) = (first, (0..frame[1]).contains(&y)) {
                let b = bbox.get_or_insert([first, y, last + 1, y + 1]);
                *b = [b[0].min(first), b[1], b[2].max(last + 1), y + 1];
            }
        }
        Extent {
            pixels: count,
            bbox,
        }
    }
}
