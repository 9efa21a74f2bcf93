//! What our own kinds share: the group `longshore.dev/v1` and how its objects are written.

/// The group of our own kinds.
pub(crate) const GROUP: &str = "longshore.dev";

/// Declares an object of our group with `metadata`, `spec` and maybe `status`, written and read as
/// Kubernetes' own types are: `apiVersion` and `kind` first, absent parts left out.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident, $plural:literal, $spec:ty $(, $status:ty)?) => {
        $crate::parts::longshore::object! {
            $(#[$doc])* $name, $plural, $spec $(, $status)?; ClusterResourceScope
        }
    };
    ($(#[$doc:meta])* $name:ident, $plural:literal, $spec:ty $(, $status:ty)?; $scope:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            #[serde(default)]
            pub spec: $spec,
            $(
                #[serde(default)]
                pub status: Option<$status>,
            )?
        }

        impl k8s_openapi::Resource for $name {
            const API_VERSION: &'static str = "longshore.dev/v1";
            const GROUP: &'static str = $crate::parts::longshore::GROUP;
            const KIND: &'static str = stringify!($name);
            const VERSION: &'static str = "v1";
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = k8s_openapi::$scope;
        }

        impl k8s_openapi::Metadata for $name {
            type Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
            fn metadata(&self) -> &Self::Ty {
                &self.metadata
            }
            fn metadata_mut(&mut self) -> &mut Self::Ty {
                &mut self.metadata
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct;
                let mut object = serializer.serialize_struct(stringify!($name), 5)?;
                object.serialize_field("apiVersion", <Self as k8s_openapi::Resource>::API_VERSION)?;
                object.serialize_field("kind", <Self as k8s_openapi::Resource>::KIND)?;
                object.serialize_field("metadata", &self.metadata)?;
                object.serialize_field("spec", &self.spec)?;
                $(
                    let status: &Option<$status> = &self.status;
                    if let Some(status) = status {
                        object.serialize_field("status", status)?;
                    }
                )?
                object.end()
            }
        }
    };
}

pub(crate) use object;
