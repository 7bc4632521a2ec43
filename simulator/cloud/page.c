/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens are sealed with a key of the seed's, so that a client cannot make one up. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "simulator/cloud/ec2.h"

#define TOKEN_MAX 256

/* Over what a page belongs to: the parameters, but for the token itself and the page's size. */
static void seal(const struct ec2_call *call, const char *plain, char out[SHA256_HEX_MAX])
{
	struct buf text = BUF_INIT;
	unsigned char mac[SHA256_LEN];
	struct buf hex = BUF_INIT;

	buf_addf(&text, "%s\n%s\n", call->region->name, plain);
	for (size_t i = 0; i < call->params->nr; i++) {
		const struct sim_param *param = &call->params->v[i];

		if (strcmp(param->name, "NextToken") != 0 && strcmp(param->name, "MaxResults") != 0)
			buf_addf(&text, "%s=%s\n", param->name, param->value);
	}
	hmac_sha256(&call->cloud->config.seed, sizeof(call->cloud->config.seed), text.data,
		    text.len, mac);
	hex_encode(&hex, mac, sizeof(mac));
	snprintf(out, SHA256_HEX_MAX, "%s", hex.data);
	buf_release(&hex);
	buf_release(&text);
}

static bool open_token(struct ec2_call *call, const char *token, struct page *page)
{
	struct buf plain = BUF_INIT_MAX(TOKEN_MAX);
	char mac[SHA256_HEX_MAX], body[64];
	bool good = false;
	char *dot;

	if (base64_decode(&plain, token, strlen(token)) == 0 &&
	    (dot = strchr(plain.data, '.')) != NULL) {
		snprintf(body, sizeof(body), "%.*s", (int)(dot - plain.data), plain.data);
		seal(call, body, mac);
		good = strcmp(dot + 1, mac) == 0 &&
		       sscanf(body, "%" SCNd64 ":%" SCNd64, &page->from, &page->extra) == 2;
	}
	buf_release(&plain);
	return good;
}

void page_read(struct ec2_call *call, size_t min, size_t max, size_t def, struct page *ret)
{
	const char *token = params_get(call->params, "NextToken");

	memset(ret, 0, sizeof(*ret));
	ret->asked = params_has(call->params, "MaxResults");
	ret->max = (size_t)params_int(call->params, "MaxResults", (int64_t)min, (int64_t)max,
				      (int64_t)def);
	if (token && !open_token(call, token, ret))
		ec2_fail(call, "InvalidNextToken", "The token '%.64s' is invalid or has expired.",
			 token);
}

void page_next(struct ec2_call *call, int64_t from, int64_t extra)
{
	char body[64], mac[SHA256_HEX_MAX];
	struct buf token = BUF_INIT;
	char *plain;

	snprintf(body, sizeof(body), "%" PRId64 ":%" PRId64, from, extra);
	seal(call, body, mac);
	plain = arena_printf(&call->params->arena, "%s.%s", body, mac);
	base64_encode(&token, plain, strlen(plain));
	out_str(call->out, "nextToken", token.data);
	buf_release(&token);
}
