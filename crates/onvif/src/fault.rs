//! SOAP faults, as SOAP 1.2 and 1.1 write them.

use crate::limits::NAME_CHARACTERS;
use crate::xml::{Node, at, children, text};

/// What a device refuses, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The innermost code without its prefix, such as `NotAuthorized`.
    pub code: String,
    /// A sentence, where there is one.
    pub reason: String,
}

impl Fault {
    /// The fault in the body of an envelope.
    pub fn of(body: Node<'_, '_>) -> Option<Self> {
        let fault = children(body, "Fault").next()?;
        let codes = codes(fault);
        let code = codes.last().copied().unwrap_or("no code");
        let reason = text(fault, &["Reason", "Text"]).or_else(|| text(fault, &["faultstring"]));
        let cut = |text: &str| text.chars().take(NAME_CHARACTERS).collect::<String>();
        // Where a code says who may ask, it counts more than what is inside of it.
        let login = codes.iter().find(|it| is_of_login(it));
        Some(Self {
            code: cut(login.unwrap_or(&code)),
            reason: cut(reason.unwrap_or_default()),
        })
    }

    /// Whether user or password are missing, wrong, or allow too little.
    pub fn is_of_login(&self) -> bool {
        is_of_login(&self.code) || self.reason.to_ascii_lowercase().contains("not authorized")
    }
}

/// From the outermost to the innermost.
fn codes<'a>(fault: Node<'a, 'a>) -> Vec<&'a str> {
    const DEEP: usize = 8;
    let mut codes = Vec::new();
    let mut inner = at(fault, &["Code"]);
    while let Some(node) = inner.filter(|_| codes.len() < DEEP) {
        codes.extend(text(node, &["Value"]));
        inner = at(node, &["Subcode"]);
        if codes.is_empty() {
            break;
        }
    }
    codes.extend(text(fault, &["faultcode"]));
    codes.iter().map(|code| local(code)).collect()
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// `ter:NotAuthorized` of ONVIF, `wsse:FailedAuthentication` and its like of WS-Security.
fn is_of_login(code: &str) -> bool {
    [
        "NotAuthorized",
        "SenderNotAuthorized",
        "FailedAuthentication",
        "InvalidSecurity",
        "InvalidSecurityToken",
    ]
    .contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::tests::parse;

    #[track_caller]
    fn fault(inside: &str) -> Fault {
        let text = format!("<e:Body xmlns:e='urn:e'><e:Fault>{inside}</e:Fault></e:Body>");
        let document = parse(&text, 100).expect("well-formed");
        Fault::of(document.root_element()).expect("a fault")
    }

    #[test]
    fn the_innermost_code_counts() {
        let found = fault(
            "<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>ter:InvalidArgVal</e:Value>\
             <e:Subcode><e:Value>ter:NoProfile</e:Value></e:Subcode></e:Subcode></e:Code>\
             <e:Reason><e:Text>no such profile</e:Text></e:Reason>",
        );
        assert_eq!(
            (&*found.code, &*found.reason),
            ("NoProfile", "no such profile")
        );
        assert!(!found.is_of_login());
    }

    #[test]
    fn refusals_of_the_login_in_all_their_forms() {
        for inside in [
            "<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>ter:NotAuthorized</e:Value></e:Subcode></e:Code>",
            "<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>ter:NotAuthorized</e:Value>\
             <e:Subcode><e:Value>ter:Locked</e:Value></e:Subcode></e:Subcode></e:Code>",
            "<e:Code><e:Value>wsse:FailedAuthentication</e:Value></e:Code>",
            "<faultcode>x:NotAuthorized</faultcode><faultstring>no</faultstring>",
            "<e:Code><e:Value>e:Receiver</e:Value></e:Code><e:Reason><e:Text>Sender not Authorized</e:Text></e:Reason>",
        ] {
            assert!(fault(inside).is_of_login(), "{inside}");
        }
        assert!(!fault("").is_of_login());
    }
}
