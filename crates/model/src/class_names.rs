//! The names of a description's classes.

use crate::describe::Description;
use crate::facts::{Facts, write};
use crate::metadata::numbered;

impl Facts<'_> {
    /// The names of a description's classes, and what is odd about them.
    pub fn name(&self, description: &mut Description) {
        let from = match (&self.settings.names, &self.names) {
            (Some(_), _) => "MODEL.yml",
            (None, Some(_)) => "metadata",
            (None, None) => "none",
        };
        let count = description.head.classes().map(|it| it as usize);
        let warnings = &mut description.warnings;
        let mut names = self.names.clone().unwrap_or_default();
        if self.names.is_none() {
            warnings.push(match &self.file.metadata.unread_names {
                Some(text) => format!(
                    "its metadata 'names' cannot be read ({text}): classes are called class0, class1, ...; {}",
                    write(self.file, "names: [...]")
                ),
                None => {
                    "has no metadata 'names': classes are called class0, class1, ...".to_owned()
                }
            });
        }
        if let Some(count) = count {
            if self.names.is_some() && names.len() != count {
                warnings.push(format!(
                    "{} names ({from}) for {count} classes: {}",
                    names.len(),
                    if names.len() > count {
                        "the first are taken"
                    } else {
                        "the rest are numbered"
                    }
                ));
            }
            let known = names.len();
            names.truncate(count);
            names.extend(numbered(count).into_iter().skip(known));
        }
        let of = count.map_or_else(String::new, |it| format!(" for {it} classes"));
        description
            .reasons
            .push(format!("names: {}{of} ({from})", names.len()));
        description.class_names = names;
    }
}
