//! The phases that Maven has in every project. Goals of plug-ins are typed in full: `omg run maven:spring-boot:run`.

use super::Found;

const PHASES: [(&str, &str); 8] = [
    ("clean", "Remove what was built"),
    ("validate", "Check the project's description"),
    ("compile", "Compile the sources"),
    ("test", "Run the tests"),
    ("package", "Build the archive"),
    ("verify", "Build and check the archive"),
    ("install", "Put the archive into the local repository"),
    ("site", "Make the documentation"),
];

pub(super) fn tasks() -> Vec<Found> {
    PHASES.iter().map(|(name, description)| Found::implied(name, description)).collect()
}
