//! What a request for a certificate says, read from its PKCS 10 form.

use std::net::IpAddr;

use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    pem::parse_x509_pem,
    prelude::FromDer,
};

/// Whom a certificate is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub common_name: String,
    pub organizations: Vec<String>,
    pub dns_names: Vec<String>,
    pub addresses: Vec<IpAddr>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
}

impl Asked {
    /// Reads a request in PEM, whose own signature must be right.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        const KIND: &str = "PEM block type must be CERTIFICATE REQUEST";
        let (_, block) = parse_x509_pem(pem).map_err(|_| KIND.to_owned())?;
        if block.label != "CERTIFICATE REQUEST" {
            return Err(KIND.to_owned());
        }
        let (rest, request) = X509CertificationRequest::from_der(&block.contents)
            .map_err(|error| format!("the request can not be read: {error}"))?;
        if !rest.is_empty() {
            return Err("trailing data after the request".to_owned());
        }
        request
            .verify_signature()
            .map_err(|_| "the request's signature does not fit its key".to_owned())?;
        let subject = &request.certification_request_info.subject;
        let texts = |values: &mut dyn Iterator<Item = Result<&str, _>>| {
            values
                .map(|text: Result<&str, x509_parser::error::X509Error>| text.map(str::to_owned))
                .collect::<Result<Vec<String>, _>>()
                .map_err(|_| "the request's subject is not text".to_owned())
        };
        let names = texts(&mut subject.iter_common_name().map(|one| one.as_str()))?;
        let mut asked = Self {
            common_name: names.last().cloned().unwrap_or_default(),
            organizations: texts(&mut subject.iter_organization().map(|one| one.as_str()))?,
            ..Self::default()
        };
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(names) = extension {
                names.general_names.iter().try_for_each(|name| asked.add(name))?;
            }
        }
        Ok(asked)
    }

    fn add(&mut self, name: &GeneralName<'_>) -> Result<(), String> {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
            GeneralName::RFC822Name(name) => self.emails.push((*name).to_owned()),
            GeneralName::URI(uri) => self.uris.push((*uri).to_owned()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
                self.addresses.push(address.map_err(|_| "cannot parse IP address".to_owned())?);
            }
            _ => return Err("the request names a subject of an unknown form".to_owned()),
        }
        Ok(())
    }
}
