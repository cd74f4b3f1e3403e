//! The kinds of credentials that are known, one a row: what its publisher says one looks like.
//!
//! A row is an id, a name, literals of which one has to be there before anything else is looked at, a shape, and what a
//! text of that shape has to stand up to. Texts that are no secret although they look like one (ids, public keys) have no row.

/// One kind of credential.
#[derive(Debug)]
pub struct Rule {
    pub id: &'static str,
    pub name: &'static str,
    /// Separated by `|`.
    literals: &'static str,
    pub shape: Shape,
    pub check: Check,
}

#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// The literal, as it is written here, and right behind it this pattern; the secret is both.
    After(&'static str),
    /// The literal stands somewhere within what this pattern fits. Its group, if it has one, is the secret.
    Around(&'static str),
    /// Something whose name has the literal in it, in any case, is given a value that is this pattern from end to end.
    Value(&'static str),
}

/// What makes a text of the right shape a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It looks as if it had been thrown with dice.
    Random,
    /// It is hard to guess, and no word.
    Password,
    /// The last six characters are the CRC-32 of those behind the prefix, in base 62: GitHub, npm.
    Crc62,
    /// The last seven are the CRC-32 of all before, in base 36: GitLab.
    Crc36,
    /// Base 32, of which a part is an account's number of twelve digits.
    AwsKeyId,
    /// Three parts, of which the first two are JSON.
    Jwt,
    /// What stands between BEGIN and END is a key.
    PrivateKey,
    /// The first part is a number in base 64.
    DiscordBot,
    /// Base 64 of a name, a colon and a password.
    BasicAuth,
    /// Bech32, whose last six characters are a checksum.
    Bech32,
}

impl Rule {
    pub fn literals(&self) -> impl Iterator<Item = &'static str> {
        self.literals.split('|')
    }
}

const fn after(
    id: &'static str,
    name: &'static str,
    literals: &'static str,
    pattern: &'static str,
    check: Check,
) -> Rule {
    Rule { id, name, literals, shape: Shape::After(pattern), check }
}

const fn around(
    id: &'static str,
    name: &'static str,
    literals: &'static str,
    pattern: &'static str,
    check: Check,
) -> Rule {
    Rule { id, name, literals, shape: Shape::Around(pattern), check }
}

const fn value(
    id: &'static str,
    name: &'static str,
    literals: &'static str,
    pattern: &'static str,
    check: Check,
) -> Rule {
    Rule { id, name, literals, shape: Shape::Value(pattern), check }
}

use Check::{AwsKeyId, BasicAuth, Bech32, Crc36, Crc62, DiscordBot, Jwt, Password, PrivateKey, Random};

const UUID: &str = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
const HEX32: &str = "[0-9a-f]{32}";
const HEX40: &str = "[0-9a-f]{40}";
const HEX64: &str = "[0-9a-f]{64}";

/// Where two rows fit the same text the surer one counts, and then the upper.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    // Code hosts.
    after("github-pat", "GitHub personal access token", "ghp_", "[0-9A-Za-z]{36}", Crc62),
    after("github-oauth", "GitHub OAuth token", "gho_", "[0-9A-Za-z]{36}", Crc62),
    after("github-app-user", "GitHub app's user token", "ghu_", "[0-9A-Za-z]{36}", Crc62),
    after("github-app-server", "GitHub app's installation token", "ghs_", "[0-9A-Za-z]{36}", Crc62),
    after("github-app-refresh", "GitHub app's refresh token", "ghr_", "[0-9A-Za-z]{36,76}", Crc62),
    after("github-fine-grained-pat", "GitHub fine-grained token", "github_pat_", "[0-9A-Za-z]{22}_[0-9A-Za-z]{59}", Random),
    value("github-token", "GitHub token of the old form", "github", HEX40, Random),
    after("gitlab-routable", "GitLab token", "glpat-|gldt-|glrt-|glptt-|glcbt-|glft-|glagent-|glsoat-", r"[0-9A-Za-z_-]{27,}\.(?:[0-9a-z]{2}\.)?[0-9a-z]{9}", Crc36),
    after("gitlab-pat", "GitLab personal access token", "glpat-", "[0-9A-Za-z_-]{20}", Random),
    after("gitlab-deploy-token", "GitLab deploy token", "gldt-", "[0-9A-Za-z_-]{20}", Random),
    after("gitlab-runner-token", "GitLab runner token", "glrt-|glrtr-", "(?:t[0-9]_)?[0-9A-Za-z_-]{20,27}", Random),
    after("gitlab-runner-registration", "GitLab runner registration token", "GR1348941", "[0-9A-Za-z_-]{20}", Random),
    after("gitlab-trigger", "GitLab pipeline trigger token", "glptt-", "[0-9a-f]{40}", Random),
    after("gitlab-job-token", "GitLab CI job token", "glcbt-", "[0-9A-Za-z]{1,5}_[0-9A-Za-z_-]{20}", Random),
    after("gitlab-feed-token", "GitLab feed token", "glft-", "[0-9A-Za-z_-]{20}", Random),
    after("gitlab-mail-token", "GitLab incoming mail token", "glimt-", "[0-9A-Za-z_-]{25}", Random),
    after("gitlab-agent-token", "GitLab agent token", "glagent-", "[0-9A-Za-z_-]{50}", Random),
    after("gitlab-scim-token", "GitLab SCIM token", "glsoat-", "[0-9A-Za-z_-]{20}", Random),
    after("gitlab-oauth-secret", "GitLab OAuth application secret", "gloas-", "[0-9a-f]{64}", Random),
    after("bitbucket-app-password", "Bitbucket app password", "ATBB", "[0-9A-Za-z]{24}[0-9A-F]{8}", Random),
    after("atlassian-api-token", "Atlassian API token", "ATATT3xFf|ATCTT3xFf", "[0-9A-Za-z_=-]{100,250}=[0-9A-F]{8}", Random),
    after("sourcegraph-token", "Sourcegraph access token", "sgp_", "(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}", Random),
    value("gitea-token", "Gitea or Forgejo token", "gitea|forgejo", HEX40, Random),

    // Clouds.
    after("aws-access-key", "AWS access key id", "AKIA|ASIA", "[2-7A-Z]{16}", AwsKeyId),
    value("aws-secret-key", "AWS secret access key", "secret_access_key|secretaccesskey|secret-access-key|aws_secret|awssecret|aws_key", "[0-9A-Za-z/+]{40}", Random),
    after("aws-session-token", "AWS session token", "IQoJb3JpZ2luX2Vj|FwoGZXIvYXdzE", "[0-9A-Za-z/+]{100,}={0,2}", Random),
    after("aws-bedrock-key", "Amazon Bedrock API key", "ABSKQmVkcm9ja0FQSUtleS", "[0-9A-Za-z+/]{90,260}={0,2}", Random),
    after("aws-mws-key", "Amazon MWS token", "amzn.mws.", UUID, Random),
    after("google-api-key", "Google API key", "AIza", "[0-9A-Za-z_-]{35}", Random),
    after("google-oauth-secret", "Google OAuth client secret", "GOCSPX-", "[0-9A-Za-z_-]{28}", Random),
    after("google-oauth-access", "Google OAuth access token", "ya29.", "[0-9A-Za-z_-]{40,}", Random),
    after("google-oauth-refresh", "Google OAuth refresh token", "1//0", "[0-9A-Za-z_-]{60,120}", Random),
    around("azure-storage-key", "Azure storage account key", "accountkey=|sharedaccesskey=", r"(?i:AccountKey|SharedAccessKey)=([0-9A-Za-z+/]{42,86}={1,2})", Random),
    around("azure-client-secret", "Azure application secret", "7q~|8q~", r"[0-9A-Za-z_~.-]{3}[78]Q~[0-9A-Za-z_~.-]{31,34}", Random),
    around("azure-key", "Azure service key", "jqqj99", r"[0-9A-Za-z]{52}JQQJ99[0-9A-Za-z]{16,26}", Random),
    around("azure-sas", "Azure shared access signature", "sig=", r"[?&;]sig=([0-9A-Za-z+/]{43}=|[0-9A-Za-z%]{43,70}%3[Dd])", Random),
    value("azure-devops-pat", "Azure DevOps token", "azure|devops|ado_|vsts", "[2-7a-z]{52}", Random),
    after("alibaba-key-id", "Alibaba Cloud access key id", "LTAI", "[0-9A-Za-z]{20}", Random),
    value("alibaba-secret", "Alibaba Cloud access key secret", "alibaba|aliyun|alicloud", "[0-9A-Za-z]{30}", Random),
    after("tencent-secret-id", "Tencent Cloud secret id", "AKID", "[0-9A-Za-z]{32}", Random),
    value("ibm-cloud-key", "IBM Cloud API key", "ibm|iam_api|bluemix", "[0-9A-Za-z_-]{44}", Random),
    after("yandex-cloud-key", "Yandex Cloud API key", "AQVN", "[0-9A-Za-z_-]{35,38}", Random),
    after("yandex-oauth", "Yandex OAuth token", "y0_", "[0-9A-Za-z_-]{55,60}", Random),
    after("digitalocean-pat", "DigitalOcean personal access token", "dop_v1_", HEX64, Random),
    after("digitalocean-oauth", "DigitalOcean OAuth token", "doo_v1_", HEX64, Random),
    after("digitalocean-refresh", "DigitalOcean refresh token", "dor_v1_", HEX64, Random),
    value("cloudflare-token", "Cloudflare API token", "cloudflare|cf_api|cf_token", "[0-9A-Za-z_-]{40}", Random),
    value("cloudflare-global-key", "Cloudflare global API key", "cloudflare|cf_api|cf_key", "[0-9a-f]{37}", Random),
    after("cloudflare-origin-ca", "Cloudflare origin CA key", "v1.0-", "[0-9a-f]{24}-[0-9a-f]{146}", Random),
    value("linode-token", "Linode token", "linode", HEX64, Random),
    value("hetzner-token", "Hetzner Cloud token", "hcloud|hetzner", "[0-9A-Za-z]{64}", Random),
    value("vultr-key", "Vultr API key", "vultr", "[0-9A-Z]{36}", Random),
    value("scaleway-secret", "Scaleway secret key", "scaleway|scw_", UUID, Random),
    after("scalingo-token", "Scalingo token", "tk-us-", "[0-9A-Za-z_-]{48}", Random),
    after("heroku-key", "Heroku API key", "HRKU-", "[0-9A-Za-z_-]{36,64}", Random),
    value("heroku-key-old", "Heroku API key of the old form", "heroku", UUID, Random),
    after("netlify-token", "Netlify token", "nfp_", "[0-9A-Za-z]{36}", Random),
    value("vercel-token", "Vercel token", "vercel", "[0-9A-Za-z]{24}", Random),
    after("flyio-token", "Fly.io token", "fo1_|fm1a_|fm1r_|fm2_", "[0-9A-Za-z+/_-]{43,}={0,2}", Random),
    after("render-key", "Render API key", "rnd_", "[0-9A-Za-z]{32}", Random),
    value("railway-token", "Railway token", "railway", UUID, Random),
    after("databricks-token", "Databricks token", "dapi", "[0-9a-f]{32}(?:-[0-9])?", Random),
    after("openshift-token", "OpenShift token", "sha256~", "[0-9A-Za-z_-]{43}", Random),
    after("tailscale-key", "Tailscale key", "tskey-", "(?:auth|api|client|scim|webhook)-[0-9A-Za-z]{8,24}-[0-9A-Za-z]{24,40}", Random),
    value("ngrok-token", "ngrok token", "ngrok", "(?:ak_|cr_)?[12][0-9A-Za-z]{26}_[0-9A-Za-z]{20,22}", Random),
    value("fastly-token", "Fastly API token", "fastly", "[0-9A-Za-z_-]{32}", Random),

    // Stores of packages and what builds them.
    after("npm-token", "npm access token", "npm_", "[0-9A-Za-z]{36}", Crc62),
    after("npm-auth-token", "npm token of the old form", "_authToken", r"\s?=\s?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", Random),
    after("pypi-token", "PyPI upload token", "pypi-AgEIcHlwaS5vcmc", "[0-9A-Za-z_-]{50,}", Random),
    after("testpypi-token", "TestPyPI upload token", "pypi-AgENdGVzdC5weXBpLm9yZw", "[0-9A-Za-z_-]{50,}", Random),
    after("rubygems-key", "RubyGems API key", "rubygems_", "[0-9a-f]{48}", Random),
    after("crates-io-token", "crates.io API token", "cio", "[0-9A-Za-z]{32}", Random),
    after("nuget-key", "NuGet API key", "oy2", "[2-7a-z]{43}", Random),
    after("clojars-token", "Clojars token", "CLOJARS_", "[0-9a-f]{60}", Random),
    after("packagist-token", "Packagist token", "packagist_", "[au][cor][trw]_[0-9a-f]{68}", Random),
    after("dockerhub-pat", "Docker Hub access token", "dckr_pat_|dckr_oat_", "[0-9A-Za-z_-]{27,32}", Random),
    after("docker-auth", "password in a Docker configuration", "\"auth\"", r#"\s{0,9}:\s{0,9}"([0-9A-Za-z+/]{8,}={0,2})""#, BasicAuth),
    after("artifactory-key", "Artifactory API key", "AKCp", "[0-9A-Za-z]{69}", Random),
    after("artifactory-reference", "Artifactory reference token", "cmVmdGtu", "[0-9A-Za-z]{56}", Random),
    after("sonar-token", "Sonar token", "sqp_|squ_|sqa_", HEX40, Random),
    value("snyk-token", "Snyk token", "snyk", UUID, Random),
    value("codecov-token", "Codecov token", "codecov", "[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", Random),
    value("coveralls-token", "Coveralls token", "coveralls", "[0-9A-Za-z]{33,37}", Random),
    after("circleci-token", "CircleCI token", "CCIPAT_|CCIPRJ_", "[0-9A-Za-z]{20,24}_[0-9a-f]{40}", Random),
    value("circleci-token-old", "CircleCI token of the old form", "circle", HEX40, Random),
    value("travis-token", "Travis CI token", "travis", "[0-9A-Za-z_-]{20,22}", Random),
    after("buildkite-token", "Buildkite token", "bkua_", HEX40, Random),
    value("drone-token", "Drone CI token", "drone", "[0-9A-Za-z]{32}", Random),
    after("harness-token", "Harness token", "pat.|sat.", r"[0-9A-Za-z_-]{22}\.[0-9a-f]{24}\.[0-9A-Za-z]{20}", Random),
    around("terraform-cloud-token", "Terraform Cloud token", ".atlasv1.", r"[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{60,70}", Random),
    after("pulumi-token", "Pulumi access token", "pul-", HEX40, Random),
    after("infracost-key", "Infracost API key", "ico-", "[0-9A-Za-z]{32}", Random),
    after("prefect-key", "Prefect API key", "pnu_|pnb_", "[0-9A-Za-z]{36}", Random),
    after("expo-token", "Expo access token", "exp0_", "[0-9A-Za-z_-]{40}", Random),

    // Keepers of secrets.
    after("vault-token", "HashiCorp Vault token", "hvs.|hvb.|hvr.", "[0-9A-Za-z_-]{24,}", Random),
    value("vault-token-old", "HashiCorp Vault token of the old form", "vault", r"[sbr]\.[0-9A-Za-z]{24}", Random),
    after("doppler-token", "Doppler token", "dp.pt.|dp.ct.|dp.sa.|dp.scim.|dp.audit.", "[0-9A-Za-z]{40,44}", Random),
    after("doppler-service-token", "Doppler service token", "dp.st.", r"(?:[0-9a-z_-]{2,35}\.)?[0-9A-Za-z]{40,44}", Random),
    after("1password-service-token", "1Password service account token", "ops_eyJ", "[0-9A-Za-z+/_-]{250,}={0,3}", Random),
    after("1password-secret-key", "1Password secret key", "A3-", "[0-9A-Z]{6}-(?:[0-9A-Z]{11}|[0-9A-Z]{6}-[0-9A-Z]{5})-[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5}", Random),
    after("infisical-token", "Infisical service token", "st.", r"[0-9a-f]{24}\.[0-9a-f]{32}\.[0-9a-f]{32}", Random),
    after("age-key", "age secret key", "AGE-SECRET-KEY-1", "[02-9AC-HJ-NP-Z]{58}", Bech32),
    after("private-key", "private key", "-----BEGIN ", "(?:[A-Z0-9]{2,9} ){0,2}PRIVATE KEY(?: BLOCK)?-----[^-]{40,}-----END", PrivateKey),
    after("putty-key", "PuTTY private key", "PuTTY-User-Key-File-", r"[23]:(?s-u:.){20,}?Private-Lines:\s*[0-9]+\s+([0-9A-Za-z+/=]{40,64})", Random),
    value("wireguard-key", "WireGuard key", "privatekey|presharedkey", "[0-9A-Za-z+/]{42}[AEIMQUYcgkosw048]=", Random),

    // Language models.
    around("openai-key", "OpenAI API key", "t3blbkfj", "sk-(?:(?:proj|svcacct|admin|service|None)-)?[0-9A-Za-z_-]{20,80}T3BlbkFJ[0-9A-Za-z_-]{20,80}", Random),
    after("anthropic-key", "Anthropic API key", "sk-ant-", "(?:api|admin|oat|ort)[0-9]{2}-[0-9A-Za-z_-]{80,110}", Random),
    after("huggingface-token", "Hugging Face token", "hf_", "[A-Za-z]{34}", Random),
    after("huggingface-org-token", "Hugging Face organisation token", "api_org_", "[A-Za-z]{34}", Random),
    after("replicate-token", "Replicate token", "r8_", "[0-9A-Za-z]{37}", Random),
    after("groq-key", "Groq API key", "gsk_", "[0-9A-Za-z]{52}", Random),
    after("perplexity-key", "Perplexity API key", "pplx-", "[0-9A-Za-z]{48}", Random),
    after("xai-key", "xAI API key", "xai-", "[0-9A-Za-z]{80}", Random),
    after("openrouter-key", "OpenRouter API key", "sk-or-v1-", HEX64, Random),
    value("deepseek-key", "DeepSeek API key", "deepseek", "sk-[0-9a-f]{32}", Random),
    value("mistral-key", "Mistral API key", "mistral", "[0-9A-Za-z]{32}", Random),
    value("cohere-key", "Cohere API key", "cohere|co_api_key", "[0-9A-Za-z]{40}", Random),
    after("together-key", "Together AI API key", "tgp_v1_", "[0-9A-Za-z_-]{43}", Random),
    after("fireworks-key", "Fireworks API key", "fw_", "[0-9A-Za-z]{22,24}", Random),
    after("nvidia-key", "NVIDIA API key", "nvapi-", "[0-9A-Za-z_-]{60,70}", Random),
    after("cerebras-key", "Cerebras API key", "csk-", "[0-9a-z]{48}", Random),
    after("jina-key", "Jina API key", "jina_", "[0-9A-Za-z_-]{60}", Random),
    after("tavily-key", "Tavily API key", "tvly-", "(?:(?:dev|prod)-)?[0-9A-Za-z]{32}", Random),
    after("firecrawl-key", "Firecrawl API key", "fc-", HEX32, Random),
    after("pinecone-key", "Pinecone API key", "pcsk_", "[0-9A-Za-z]{5,6}_[0-9A-Za-z]{63}", Random),
    after("langsmith-key", "LangSmith API key", "lsv2_", "(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}", Random),
    after("langfuse-key", "Langfuse secret key", "sk-lf-", UUID, Random),
    value("wandb-key", "Weights & Biases API key", "wandb", HEX40, Random),
    after("elevenlabs-key", "ElevenLabs API key", "sk_", "[0-9a-f]{48}", Random),
    value("assemblyai-key", "AssemblyAI API key", "assemblyai", HEX32, Random),
    value("deepgram-key", "Deepgram API key", "deepgram", HEX40, Random),
    after("e2b-key", "E2B API key", "e2b_", HEX40, Random),

    // Money.
    after("stripe-live-key", "Stripe live secret key", "sk_live_|rk_live_", "[0-9A-Za-z]{24,247}", Random),
    after("stripe-test-key", "Stripe test secret key", "sk_test_|rk_test_", "[0-9A-Za-z]{24,247}", Random),
    after("stripe-webhook-secret", "Stripe webhook secret", "whsec_", "[0-9A-Za-z+/]{32,64}={0,2}", Random),
    after("square-token", "Square access token", "sq0atp-", "[0-9A-Za-z_-]{22}", Random),
    after("square-secret", "Square OAuth secret", "sq0csp-", "[0-9A-Za-z_-]{43}", Random),
    after("square-token-new", "Square access token", "EAAA", "[0-9A-Za-z_-]{60}", Random),
    after("braintree-token", "PayPal Braintree access token", "access_token$production$", "[0-9a-z]{16}[$][0-9a-f]{32}", Random),
    value("paypal-secret", "PayPal client secret", "paypal", "E[0-9A-Za-z_-]{79}", Random),
    value("razorpay-secret", "Razorpay key secret", "razorpay", "[0-9A-Za-z]{24}", Random),
    after("plaid-token", "Plaid access token", "access-production-|access-sandbox-|access-development-", UUID, Random),
    value("plaid-secret", "Plaid secret", "plaid", "[0-9a-f]{30}", Random),
    value("coinbase-secret", "Coinbase secret", "coinbase", "[0-9A-Za-z_-]{64}", Random),
    after("flutterwave-secret", "Flutterwave secret key", "FLWSECK-|FLWSECK_TEST-", "[0-9A-Za-z]{32,38}-X", Random),
    after("mollie-key", "Mollie live API key", "live_", "[0-9A-Za-z]{30}", Random),
    after("paddle-key", "Paddle API key", "pdl_live_apikey_|pdl_sdbx_apikey_", "[0-9a-z]{26}_[0-9A-Za-z]{22}_[0-9A-Za-z]{3}", Random),
    after("easypost-key", "EasyPost API key", "EZAK|EZTK", "[0-9A-Za-z]{54}", Random),
    after("shippo-token", "Shippo token", "shippo_live_|shippo_test_", HEX40, Random),
    after("duffel-token", "Duffel token", "duffel_live_|duffel_test_", "[0-9A-Za-z_=-]{43}", Random),
    after("shopify-token", "Shopify token", "shpat_|shpca_|shppa_|shpss_", "[0-9a-fA-F]{32}", Random),
    value("etsy-key", "Etsy API key", "etsy", "[0-9a-z]{24}", Random),

    // People talking to each other.
    after("slack-bot-token", "Slack bot token", "xoxb-", "[0-9]{10,13}-[0-9]{10,13}-[0-9A-Za-z]{24}", Random),
    after("slack-bot-token-old", "Slack bot token of the old form", "xoxb-", "[0-9]{8,14}-[0-9A-Za-z]{18,26}", Random),
    after("slack-user-token", "Slack user token", "xoxp-|xoxe-", "(?:[0-9]{10,13}-){3}[0-9A-Za-z]{28,34}", Random),
    after("slack-workspace-token", "Slack workspace token", "xoxa-|xoxr-", "(?:2-)?(?:[0-9]{8,13}-){1,3}[0-9A-Za-z]{18,48}", Random),
    after("slack-client-token", "Slack client token", "xoxc-|xoxs-", "(?:[0-9]{8,14}-){1,3}[0-9a-f]{10,64}", Random),
    after("slack-config-token", "Slack configuration token", "xoxe.xoxb-|xoxe.xoxp-", "[0-9]-[0-9A-Za-z]{150,180}", Random),
    after("slack-app-token", "Slack app token", "xapp-", "[0-9]-[0-9A-Z]{8,14}-[0-9]{10,13}-[0-9a-f]{64}", Random),
    after("slack-webhook", "Slack webhook", "hooks.slack.com/services/", "T[0-9A-Z]{7,12}/B[0-9A-Z]{7,12}/[0-9A-Za-z]{22,26}", Random),
    after("slack-workflow", "Slack workflow webhook", "hooks.slack.com/workflows/|hooks.slack.com/triggers/", "[0-9A-Z]{8,12}/[0-9A-Z]{8,16}/[0-9A-Za-z/]{24,64}", Random),
    value("discord-bot-token", "Discord bot token", "discord|bot_token|bottoken", r"[MNO][0-9A-Za-z_-]{23,27}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27,40}", DiscordBot),
    around("discord-webhook", "Discord webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[0-9A-Za-z_-]{60,70}", Random),
    around("teams-webhook", "Microsoft Teams webhook", ".webhook.office.com/", r"[0-9a-z-]{2,60}\.webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36}", Random),
    around("telegram-bot-token", "Telegram bot token", ":aa", "[0-9]{8,10}:AA[0-9A-Za-z_-]{33}", Random),
    value("twilio-auth-token", "Twilio auth token", "twilio", HEX32, Random),
    after("sendgrid-key", "SendGrid API key", "SG.", r"[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}", Random),
    after("mailgun-key", "Mailgun API key", "key-", HEX32, Random),
    value("mailgun-key-new", "Mailgun API key", "mailgun", "[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}", Random),
    around("mailchimp-key", "Mailchimp API key", "-us", "[0-9a-f]{32}-us[0-9]{1,2}", Random),
    after("brevo-key", "Brevo API key", "xkeysib-|xsmtpsib-", "[0-9a-f]{64}-[0-9A-Za-z]{16}", Random),
    after("resend-key", "Resend API key", "re_", "[0-9A-Za-z]{8}_[0-9A-Za-z]{24}", Random),
    value("postmark-token", "Postmark token", "postmark", UUID, Random),
    value("sparkpost-key", "SparkPost API key", "sparkpost", HEX40, Random),
    value("vonage-secret", "Vonage API secret", "nexmo|vonage", "[0-9A-Za-z]{16}", Random),
    after("intercom-token", "Intercom access token", "dG9rOj|dG9rO", "[0-9A-Za-z+/]{50,60}={0,2}", Random),
    after("twitter-bearer", "Twitter bearer token", "AAAAAAAAAAAAAAAAAAAAA", "[0-9A-Za-z%]{60,100}", Random),
    value("twitter-secret", "Twitter secret", "twitter|x_api", "[0-9A-Za-z]{45}|[0-9A-Za-z]{50}", Random),
    value("twitch-token", "Twitch token", "twitch", "[0-9a-z]{30}", Random),
    after("facebook-token", "Facebook access token", "EAAB|EAAC|EAAD|EAAE|EAAG|EAAJ|EAAM", "[0-9A-Za-z]{100,}", Random),
    value("facebook-secret", "Facebook app secret", "facebook|fb_", HEX32, Random),
    after("instagram-token", "Instagram access token", "IGQV|IGAA", "[0-9A-Za-z_-]{100,}", Random),
    value("linkedin-secret", "LinkedIn client secret", "linkedin", r"WPL_AP1\.[0-9A-Za-z]{16}\.[0-9A-Za-z+/]{6,8}={0,2}|[0-9A-Za-z]{16}", Random),
    value("spotify-secret", "Spotify client secret", "spotify", HEX32, Random),
    value("zoom-secret", "Zoom secret", "zoom", "[0-9A-Za-z]{32}", Random),

    // Work.
    after("airtable-token", "Airtable token", "pat", r"[0-9A-Za-z]{14}\.[0-9a-f]{64}", Random),
    value("algolia-key", "Algolia admin key", "algolia", HEX32, Random),
    value("asana-secret", "Asana token", "asana", "[012]/[0-9]{16}(?:/[0-9]{16})?:[0-9a-f]{32}|[0-9a-f]{32}", Random),
    after("clickup-token", "ClickUp token", "pk_", "[0-9]{6,9}_[0-9A-Z]{32}", Random),
    after("contentful-token", "Contentful token", "CFPAT-", "[0-9A-Za-z_-]{43}", Random),
    after("dropbox-token", "Dropbox token", "sl.", "(?:u\\.)?[0-9A-Za-z_-]{130,}", Random),
    after("figma-token", "Figma token", "figd_|figo_", "[0-9A-Za-z_-]{40}", Random),
    after("frameio-token", "Frame.io token", "fio-u-", "[0-9A-Za-z_=-]{64}", Random),
    value("hubspot-key", "HubSpot API key", "hubspot|hapikey", UUID, Random),
    after("hubspot-token", "HubSpot private app token", "pat-na1-|pat-na2-|pat-eu1-", UUID, Random),
    after("linear-key", "Linear API key", "lin_api_|lin_oauth_|lin_wh_", "[0-9A-Za-z]{40,64}", Random),
    after("mapbox-secret", "Mapbox secret token", "sk.eyJ", r"[0-9A-Za-z_-]{60,200}\.[0-9A-Za-z_-]{20,30}", Random),
    after("notion-token", "Notion token", "ntn_", "[0-9A-Za-z]{46}", Random),
    after("notion-token-old", "Notion token of the old form", "secret_", "[0-9A-Za-z]{43}", Random),
    after("postman-key", "Postman API key", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}", Random),
    after("readme-key", "ReadMe API key", "rdme_", "[0-9a-z]{70}", Random),
    around("salesforce-token", "Salesforce session", "00d", r"00D[0-9A-Za-z]{12,15}![0-9A-Za-z_.]{90,110}", Random),
    after("trello-token", "Trello token", "ATTA", "[0-9a-f]{72}", Random),
    after("typeform-token", "Typeform token", "tfp_", "[0-9A-Za-z_.-]{44,59}", Random),
    value("zendesk-secret", "Zendesk token", "zendesk", "[0-9A-Za-z]{40}", Random),
    value("okta-token", "Okta token", "okta|ssws", "00[0-9A-Za-z_-]{40}", Random),
    value("auth0-secret", "Auth0 client secret", "auth0", "[0-9A-Za-z_-]{64}", Random),
    value("onelogin-secret", "OneLogin client secret", "onelogin", HEX64, Random),
    value("jira-token", "Jira token", "jira|confluence|atlassian", "[0-9A-Za-z]{24}", Random),

    // What is watched and measured.
    after("grafana-service-token", "Grafana service account token", "glsa_", "[0-9A-Za-z]{32}_[0-9a-f]{8}", Random),
    after("grafana-cloud-token", "Grafana Cloud token", "glc_eyJ", "[0-9A-Za-z+/]{60,}={0,2}", Random),
    after("grafana-key", "Grafana API key", "eyJrIjoi", "[0-9A-Za-z+/]{60,}={0,2}", Random),
    after("newrelic-user-key", "New Relic user key", "NRAK-", "[0-9A-Z]{27}", Random),
    after("newrelic-insert-key", "New Relic insert key", "NRII-", "[0-9A-Za-z_-]{32}", Random),
    around("newrelic-license-key", "New Relic license key", "nral", "[0-9a-f]{32,36}(?:FFFF)?NRAL", Random),
    value("datadog-key", "Datadog API key", "datadog|dd_api|dd_app", "[0-9a-f]{32}|[0-9a-f]{40}", Random),
    after("sentry-org-token", "Sentry organisation token", "sntrys_eyJ", "[0-9A-Za-z+/]{80,}={0,2}_[0-9A-Za-z+/]{43}", Random),
    after("sentry-user-token", "Sentry user token", "sntryu_", HEX64, Random),
    value("sentry-token", "Sentry token of the old form", "sentry", HEX64, Random),
    value("rollbar-token", "Rollbar token", "rollbar", HEX32, Random),
    value("bugsnag-key", "Bugsnag API key", "bugsnag", HEX32, Random),
    value("pagerduty-key", "PagerDuty API key", "pagerduty|pager_duty", "[0-9A-Za-z_+-]{20}", Random),
    value("opsgenie-key", "Opsgenie API key", "opsgenie", UUID, Random),
    after("honeycomb-key", "Honeycomb ingest key", "hcaik_|hcxik_", "[0-9a-z]{58}", Random),
    after("dynatrace-token", "Dynatrace token", "dt0c01.|dt0s01.|dt0s02.", r"[2-7A-Z]{24}\.[2-7A-Z]{64}", Random),
    value("splunk-token", "Splunk token", "splunk|hec_token", UUID, Random),
    value("sumologic-key", "Sumo Logic access key", "sumo", "[0-9A-Za-z]{64}", Random),
    value("logdna-key", "LogDNA key", "logdna|mezmo", HEX32, Random),
    after("posthog-key", "PostHog personal key", "phx_", "[0-9A-Za-z]{43,49}", Random),
    value("segment-key", "Segment write key", "segment", "[0-9A-Za-z]{32}", Random),
    value("mixpanel-secret", "Mixpanel secret", "mixpanel", HEX32, Random),
    after("launchdarkly-key", "LaunchDarkly key", "sdk-|api-", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", Random),

    // Data.
    after("planetscale-token", "PlanetScale token", "pscale_tkn_|pscale_pw_|pscale_oauth_", "[0-9A-Za-z_.-]{32,64}", Random),
    after("supabase-token", "Supabase access token", "sbp_", HEX40, Random),
    after("supabase-secret-key", "Supabase secret key", "sb_secret_", "[0-9A-Za-z_-]{31,40}", Random),
    after("neon-key", "Neon API key", "napi_", "[0-9a-z]{64}", Random),
    after("cockroach-key", "CockroachDB Cloud key", "CCDB1_", "[0-9A-Za-z]{22}_[0-9A-Za-z]{40}", Random),
    after("elastic-key", "Elastic API key", "essu_", "[0-9A-Za-z+/]{60,120}={0,2}", Random),
    value("confluent-secret", "Confluent secret", "confluent|kafka", "[0-9A-Za-z/+]{64}", Random),
    after("aiven-token", "Aiven token", "aivenv1", "[0-9A-Za-z+/]{200,}={0,2}", Random),
    after("cloudinary-url", "Cloudinary URL", "cloudinary://", "[0-9]{12,15}:([0-9A-Za-z_-]{27})@[0-9A-Za-z_-]+", Random),
    value("alchemy-key", "Alchemy API key", "alchemy", "[0-9A-Za-z_-]{32}", Random),
    value("infura-secret", "Infura secret", "infura", HEX32, Random),
    value("etherscan-key", "Etherscan API key", "etherscan", "[0-9A-Z]{34}", Random),
    value("ethereum-key", "Ethereum private key", "private_key|privatekey|private-key|deployer", "(?:0x)?[0-9a-f]{64}", Random),
    after("url-password", "password in a URL", "://", r"[^\s:/?#@\x22\x27<>`|\\]{0,80}:([^\s:/?#@\x22\x27<>`|\\]{3,128})@[0-9A-Za-z\[][0-9A-Za-z.:-]{0,100}", Password),

    // What says itself that it is a secret.
    after("jwt", "JSON Web Token", "eyJ", r"[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{20,}", Jwt),
    after("basic-auth", "HTTP Basic credentials", "Basic |basic ", "([0-9A-Za-z+/]{8,200}={0,2})", BasicAuth),
    around("bearer-token", "HTTP bearer token", "bearer ", r"(?i:authorization)[\x22']?\s*[:=,]\s*[\x22']?(?i:bearer) ([0-9A-Za-z_.~+/-]{20,}={0,2})", Random),
    after("netrc-password", "password in a .netrc", "machine ", r"\s{0,9}[0-9A-Za-z.-]+\s+login\s+\S{1,80}\s+password\s+(\S{4,128})", Password),
    around("shadow-hash", "password hash", ":$6$|:$5$|:$y$|:$2b$", r"(?m)^[0-9a-z_-]{1,32}:([$](?:6|5|y|2b)[$][0-9A-Za-z./$=,]{30,140}):[0-9]*:", Random),
    value("secret-value", "value of a name that says secret", "secret|token|api_key|apikey|api-key|access_key|accesskey|access-key|auth_key|authkey|private_key|privatekey|signing_key|signingkey|encryption_key|encryptionkey|credential|client_key|master_key", r"[0-9A-Za-z_.~+/=-]{16,256}", Random),
    value("password-value", "value of a name that says password", "passw|passphrase|pwd", r"[!-~]{6,80}", Password),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_are_well_formed() {
        let ids: HashSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len(), "an id twice");
        assert!(RULES.len() >= 200);
        for rule in RULES {
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{}", rule.id);
            assert!(rule.literals().all(|literal| literal.len() >= 3), "{}: a literal that is everywhere", rule.id);
        }
    }
}
