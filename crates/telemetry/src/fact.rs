/// Something that a stage says of itself in its report, such as the engine in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// Its name in the report. `<camera>` in it is a camera's id.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
}

impl Fact {
    /// Of a stage that takes rows in batches.
    pub const BATCH_AT_MOST: Self = Self {
        name: "batch_at_most",
        help: "rows that are taken at once at most",
    };

    /// Its name in the report, of this camera.
    #[must_use]
    pub fn of_camera(&self, camera: &str) -> String {
        self.name.replace("<camera>", camera)
    }
}
