//! Requests as devices take them: SOAP 1.2 over HTTP.

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Of the service.
    pub namespace: &'static str,
    pub name: &'static str,
    /// Elements inside.
    pub arguments: String,
    /// The device must answer whoever asks.
    pub is_open: bool,
}

impl Operation {
    pub fn new(namespace: &'static str, name: &'static str) -> Self {
        Self {
            namespace,
            name,
            arguments: String::new(),
            is_open: false,
        }
    }

    pub fn open(self) -> Self {
        Self {
            is_open: true,
            ..self
        }
    }

    pub fn with(self, arguments: impl Into<String>) -> Self {
        Self {
            arguments: arguments.into(),
            ..self
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> String {
        let Self {
            namespace, name, ..
        } = self;
        format!("application/soap+xml; charset=utf-8; action=\"{namespace}/{name}\"")
    }

    /// The whole request; `security`: a header that proves who asks.
    pub fn envelope(&self, security: Option<&str>) -> String {
        let Self {
            namespace,
            name,
            arguments,
            ..
        } = self;
        let header = security.map_or(String::new(), |it| format!("<s:Header>{it}</s:Header>"));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\">{header}\
             <s:Body><{name} xmlns=\"{namespace}\">{arguments}</{name}></s:Body></s:Envelope>"
        )
    }
}
