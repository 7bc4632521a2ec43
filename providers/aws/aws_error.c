/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AWS says when it says no. The code decides, the HTTP status only where there is no code:
 * InsufficientInstanceCapacity is a 5xx, and sending the same request again is no use.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/secret.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "providers/aws/aws.h"

#define MESSAGE_MAX   300 /* of AWS's own words */
#define QUOTED_MAX    ((size_t)64 << 10)
#define CODE_CHARS    "._-"
#define REQUEST_CHARS "-_=+/"

#define HINT_WHO	"see who you are and what is missing with: gpucloud doctor"
#define HINT_PERMISSION "the user or role lacks the permission; who that is shows: gpucloud doctor"
#define HINT_SECRET \
	"the secret key does not belong to the access key: check both with: gpucloud doctor"
#define HINT_KEY  "AWS does not know this access key: check it with: gpucloud doctor"
#define HINT_SSO  "log in again (aws sso login), or get new temporary credentials"
#define HINT_ZONE "try another zone, another type, or later"
#define HINT_QUOTA                                                                        \
	"raise it: aws service-quotas request-service-quota-increase --service-code ec2 " \
	"--quota-code "
#define HINT_SUBNET "make one with: aws ec2 create-default-vpc, or name one with --subnet"

struct rule {
	const char *code; /* '*' matches any run of characters */
	enum error_kind kind;
	enum http_verdict verdict;
	const char *hint;
};

/* The first that matches. */
static const struct rule rules[] = {
	/* No capacity: another zone or type, never the same request again. */
	{ "InsufficientInstanceCapacity", ERROR_CAPACITY, HTTP_FAIL, HINT_ZONE },
	{ "InsufficientHostCapacity", ERROR_CAPACITY, HTTP_FAIL, HINT_ZONE },
	{ "InsufficientCapacity*", ERROR_CAPACITY, HTTP_FAIL, HINT_ZONE },
	{ "InsufficientReservedInstanceCapacity", ERROR_CAPACITY, HTTP_FAIL, HINT_ZONE },
	{ "InsufficientFreeAddressesInSubnet", ERROR_CAPACITY, HTTP_FAIL,
	  "the subnet has no address left: choose another zone, or another with --subnet" },
	{ "UnfulfillableCapacity", ERROR_CAPACITY, HTTP_FAIL, HINT_ZONE },
	{ "ReservationCapacityExceeded", ERROR_CAPACITY, HTTP_FAIL, HINT_ZONE },
	{ "Unsupported", ERROR_CAPACITY, HTTP_FAIL,
	  "this zone does not have the type: try another" },

	{ "SpotMaxPriceTooLow", ERROR_PRICE, HTTP_FAIL, "raise --bid, or try another zone" },

	/* Throttled. Before the quotas: RequestLimitExceeded would match *LimitExceeded. */
	{ "RequestLimitExceeded", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "BandwidthLimitExceeded", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "LimitExceededException", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "EC2ThrottledException", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "Throttl*", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "RequestThrottled*", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "TooManyRequests*", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "ProvisionedThroughputExceededException", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "TransactionInProgressException", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "SlowDown", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "PriorRequestNotComplete", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "ServiceUnavailable*", ERROR_THROTTLED, HTTP_THROTTLED, NULL },
	{ "Unavailable", ERROR_THROTTLED, HTTP_THROTTLED, NULL },

	/* Account limits. */
	{ "VcpuLimitExceeded", ERROR_QUOTA, HTTP_FAIL,
	  HINT_QUOTA "L-DB2E81BA (G, VT) or L-417A185B (P) --desired-value VCPUS" },
	{ "MaxSpotInstanceCountExceeded", ERROR_QUOTA, HTTP_FAIL,
	  HINT_QUOTA "L-3819A6DF (G, VT spot) or L-7212CCBC (P spot) --desired-value VCPUS" },
	{ "PendingVerification", ERROR_QUOTA, HTTP_FAIL,
	  "AWS is still checking this account: wait for its mail" },
	{ "RequestResourceCountExceeded", ERROR_QUOTA, HTTP_FAIL, NULL },
	{ "ServiceQuotaExceeded*", ERROR_QUOTA, HTTP_FAIL, "see the limits with: gpucloud doctor" },
	{ "*LimitExceeded", ERROR_QUOTA, HTTP_FAIL, "see the limits with: gpucloud doctor" },

	/* The clock. */
	{ "InvalidSecurity.RequestHasExpired", ERROR_AUTH, HTTP_CLOCK_SKEW, NULL },
	{ "RequestExpired", ERROR_AUTH, HTTP_CLOCK_SKEW, NULL },
	{ "RequestTimeTooSkewed", ERROR_AUTH, HTTP_CLOCK_SKEW, NULL },
	{ "RequestInTheFuture", ERROR_AUTH, HTTP_CLOCK_SKEW, NULL },

	/* Who we are, and what we may. The first four can be the clock's doing:
	 * core/http.c signs again where the clocks differ, and only there. */
	{ "AuthFailure", ERROR_AUTH, HTTP_CLOCK_SKEW, HINT_WHO },
	{ "SignatureDoesNotMatch", ERROR_AUTH, HTTP_CLOCK_SKEW, HINT_SECRET },
	{ "InvalidSignatureException", ERROR_AUTH, HTTP_CLOCK_SKEW, HINT_SECRET },
	{ "AccessDeniedException", ERROR_AUTH, HTTP_CLOCK_SKEW, HINT_PERMISSION },
	{ "AccessDenied*", ERROR_AUTH, HTTP_FAIL, HINT_PERMISSION },
	{ "UnauthorizedOperation", ERROR_AUTH, HTTP_FAIL, HINT_PERMISSION },
	{ "InvalidClientTokenId", ERROR_AUTH, HTTP_FAIL, HINT_KEY },
	{ "UnrecognizedClientException", ERROR_AUTH, HTTP_FAIL, HINT_KEY },
	{ "InvalidAccessKeyId", ERROR_AUTH, HTTP_FAIL, HINT_KEY },
	{ "ExpiredToken*", ERROR_AUTH, HTTP_FAIL, HINT_SSO },
	{ "OptInRequired", ERROR_AUTH, HTTP_FAIL,
	  "the account is not signed up for EC2 in this region: switch the region on in the "
	  "AWS console" },
	{ "Blocked", ERROR_AUTH, HTTP_FAIL, "AWS has blocked this account: write to its support" },
	{ "MissingAuthenticationToken*", ERROR_AUTH, HTTP_FAIL, HINT_WHO },
	{ "IncompleteSignature*", ERROR_AUTH, HTTP_FAIL, HINT_WHO },
	{ "InvalidIdentityToken*", ERROR_AUTH, HTTP_FAIL, HINT_WHO },
	{ "IDPRejectedClaim*", ERROR_AUTH, HTTP_FAIL, HINT_WHO },
	{ "IDPCommunicationError*", ERROR_REMOTE, HTTP_RETRY, NULL },
	{ "UnauthorizedException", ERROR_AUTH, HTTP_FAIL, HINT_SSO },
	{ "RegionDisabledException", ERROR_AUTH, HTTP_FAIL,
	  "switch the region on in the AWS console" },

	/* No network to put an instance in. */
	{ "VPCIdNotSpecified", ERROR_CONFIG, HTTP_FAIL, HINT_SUBNET },
	{ "MissingInput", ERROR_CONFIG, HTTP_FAIL, HINT_SUBNET },

	/* What the request says. User data before *.Malformed: it names no thing that is missing. */
	{ "InvalidUserData.*", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "InvalidPermission.Malformed", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "InvalidParameter*", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "MissingParameter", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "UnknownParameter", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "ValidationE*", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "InvalidKey.Format", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "InvalidKeyPair.Format", ERROR_USAGE, HTTP_FAIL, NULL },
	{ "InvalidInstanceType", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ "InvalidZone.*", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ "Invalid*.NotFound", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ "Invalid*.Malformed", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ "InvalidAMIID.Unavailable", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ "ParameterNotFound", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ "NoSuchResourceException", ERROR_NOT_FOUND, HTTP_FAIL, NULL },
	{ "*NotFoundException", ERROR_NOT_FOUND, HTTP_FAIL, NULL },

	/* What is there already. */
	{ "IdempotentParameterMismatch", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ "IdempotentInstanceTerminated", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ "*.Duplicate", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ "DependencyViolation", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ "Incorrect*State", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ "OperationNotPermitted", ERROR_CONFLICT, HTTP_FAIL, NULL },
	{ "UnsupportedOperation", ERROR_UNSUPPORTED, HTTP_FAIL, NULL },
	{ "UnsupportedHibernation*", ERROR_UNSUPPORTED, HTTP_FAIL, NULL },
	{ "DryRunOperation", ERROR_REMOTE, HTTP_FAIL, NULL },

	/* AWS's own trouble. */
	{ "InternalError", ERROR_REMOTE, HTTP_RETRY, NULL },
	{ "InternalFailure", ERROR_REMOTE, HTTP_RETRY, NULL },
	{ "InternalServ*", ERROR_REMOTE, HTTP_RETRY, NULL },
	{ "ServerInternal", ERROR_REMOTE, HTTP_RETRY, NULL },
	{ "RequestTimeout*", ERROR_REMOTE, HTTP_RETRY, NULL },
};

static const struct rule *find_rule(const char *code)
{
	for (size_t i = 0; *code && i < ARRAY_SIZE(rules); i++)
		if (text_glob(rules[i].code, code))
			return &rules[i];
	return NULL;
}

/* --- reading the reply --------------------------------------------------------------------- */

/* What a reply said, as far as it may be shown; in the arena, "" where it said nothing. */
struct reply {
	struct arena arena;
	const char *code, *message, *request_id;
};

static const char *token_or_empty(struct arena *arena, const char *text, const char *also)
{
	return text && text_is_token(text, also, 79) ? arena_strdup(arena, text) : "";
}

static void take_message(struct reply *reply, const char *text)
{
	/* Kilobytes of base64 that only AWS's own decoder reads follow these words. */
	const char *end = text ? strstr(text, " Encoded authorization failure message") : NULL;
	size_t len = !text ? 0 : end ? (size_t)(end - text) : strlen(text);
	struct buf clean = BUF_INIT, shown = BUF_INIT;

	if (len > QUOTED_MAX)
		len = QUOTED_MAX;
	while (len > 0 && strchr(" .\n\r\t", text[len - 1]))
		len--;
	/* Some replies quote the request, session token and all: masked while it is whole. */
	redact(text ? text : "", len, &clean);
	text_escape(&shown, clean.data, clean.len);
	buf_wipe(&clean);
	if (shown.len > MESSAGE_MAX) {
		size_t cut = MESSAGE_MAX;

		while (cut > 0 && ((unsigned char)shown.data[cut] & 0xc0) == 0x80)
			cut--;
		reply->message = arena_printf(&reply->arena, "%.*s...", (int)cut, shown.data);
	} else {
		reply->message = arena_strdup(&reply->arena, shown.data);
	}
	buf_release(&shown);
}

/* Four roots are in use, and moto has a fifth: the first Error with a Code, wherever it is. */
static const struct _xmlNode *find_error(const struct _xmlNode *node)
{
	if (!strcmp(xml_name(node), "Error") && xml_find(node, "Code"))
		return node;
	for (const struct _xmlNode *child = NULL; (child = xml_each(node, NULL, child)) != NULL;) {
		const struct _xmlNode *found = find_error(child);

		if (found)
			return found;
	}
	return NULL;
}

static void read_xml(const struct http_response *response, struct reply *reply)
{
	struct xml xml = { NULL };
	struct error ignored = ERROR_INIT;

	if (xml_parse(response->body.data, response->body.len, "the error reply", &xml, &ignored) <
	    0)
		return;

	const struct _xmlNode *error = find_error(xml_root(&xml));

	if (error) {
		const struct _xmlNode *id = xml_search(xml_root(&xml), "RequestID");

		if (!id)
			id = xml_search(xml_root(&xml), "RequestId");
		reply->code = token_or_empty(&reply->arena, xml_text(error, "Code"), CODE_CHARS);
		take_message(reply, xml_text(error, "Message"));
		reply->request_id = token_or_empty(&reply->arena, id ? xml_text(id, NULL) : NULL,
						   REQUEST_CHARS);
	}
	xml_release(&xml);
}

/* "com.amazonaws.ssm#ParameterNotFound" and "AccessDeniedException:http://..." */
static void take_json_code(struct reply *reply, const char *type)
{
	const char *hash = type ? strrchr(type, '#') : NULL;

	if (!type)
		return;
	type = hash ? hash + 1 : type;
	reply->code = token_or_empty(
		&reply->arena, arena_strndup(&reply->arena, type, strcspn(type, ":")), CODE_CHARS);
}

static void read_json(const struct http_response *response, struct reply *reply)
{
	struct json json = { NULL };
	struct error ignored = ERROR_INIT;
	const char *type = http_response_header(response, "x-amzn-errortype");

	if (json_parse(response->body.data, response->body.len, "the error reply", &json,
		       &ignored) < 0) {
		take_json_code(reply, type);
		return;
	}
	const struct cJSON *body_type = json_get(json.root, "__type");
	const struct cJSON *message = json_get(json.root, "message");

	if (!message)
		message = json_get(json.root, "Message");
	take_json_code(reply, body_type ? json_text(body_type) : type);
	take_message(reply, message ? json_text(message) : NULL);
	json_release(&json);
}

/* --- judging it ---------------------------------------------------------------------------- */

/* Our clock minus AWS's in seconds, by the Date of the reply; 0 where it does not tell. */
static int64_t clock_error_s(const struct http_response *response)
{
	const char *date = http_response_header(response, "Date");
	int64_t server = date ? time_parse_http(date) : -1;

	if (server < 0 || http_response_header(response, "Age"))
		return 0;
	return (response->sent_ms / 2 + response->received_ms / 2) / 1000 - server;
}

static enum http_verdict judge_status(int status, enum error_kind *kind)
{
	*kind = ERROR_REMOTE;
	if (status == 429 || status == 503) {
		*kind = ERROR_THROTTLED;
		return HTTP_THROTTLED;
	}
	if (status == 401 || status == 403)
		*kind = ERROR_AUTH;
	return status >= 500 || status == 408 ? HTTP_RETRY : HTTP_FAIL;
}

static void hint_clock(const struct http_response *response, struct error *err)
{
	int64_t off = clock_error_s(response);
	char span[TIME_TEXT_MAX];

	if (off == 0) {
		error_hint(err, "set this computer's clock: timedatectl set-ntp true");
		return;
	}
	duration_format(span, off < 0 ? -off : off);
	error_hint(err, "this computer's clock is %s %s: timedatectl set-ntp true", span,
		   off < 0 ? "slow" : "fast");
}

static void read_reply(enum aws_protocol protocol, const struct http_response *response,
		       struct reply *reply)
{
	const char *id = http_response_header(response, "x-amzn-requestid");

	*reply = (struct reply){ .code = "", .message = "", .request_id = "" };
	if (protocol == AWS_JSON)
		read_json(response, reply);
	else
		read_xml(response, reply);
	if (!*reply->request_id)
		reply->request_id = token_or_empty(&reply->arena, id, REQUEST_CHARS);
}

enum http_verdict aws_error_classify(enum aws_protocol protocol, const char *what,
				     const struct http_response *response, struct error *err)
{
	struct reply reply;
	enum error_kind kind;
	enum http_verdict verdict;

	read_reply(protocol, response, &reply);
	const struct rule *rule = find_rule(reply.code);

	verdict = judge_status(response->status, &kind);
	if (rule) {
		kind = rule->kind;
		verdict = rule->verdict;
	}

	if (*reply.message)
		error_set(err, kind, "%s: %s", what, reply.message);
	else if (*reply.code)
		error_set(err, kind, "%s: AWS answered %s", what, reply.code);
	else
		error_set(err, kind, "%s: AWS answered HTTP %d with %s, not an API reply", what,
			  response->status, response->body.len ? "a page" : "nothing");
	err->http_status = response->status;
	snprintf(err->code, sizeof(err->code), "%s", reply.code);
	snprintf(err->request_id, sizeof(err->request_id), "%s", reply.request_id);
	err->retryable = verdict == HTTP_RETRY || verdict == HTTP_THROTTLED;
	/* A 5xx that names no reason may have done its work before it failed. */
	err->unknown = verdict == HTTP_RETRY ||
		       (verdict == HTTP_THROTTLED && !rule && response->status == 503);
	if (rule && rule->hint)
		error_hint(err, "%s", rule->hint);
	else if (verdict == HTTP_CLOCK_SKEW)
		hint_clock(response, err);
	arena_release(&reply.arena);
	return verdict;
}

bool aws_error_is(const struct error *err, const char *code_pattern)
{
	return err->code[0] && text_glob(code_pattern, err->code);
}
