/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On-demand prices: the Pricing API's GetProducts, one request a type and region, many at once. It
 * is a comfort, not a need: where it does not answer, the built-in table does.
 * https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/aws_prices.h"
#include "providers/aws/ec2.h"

#define PRICES_AT_ONCE 32
#define PRODUCTS_MAX   100 /* of one reply */

/* What a plain Linux instance is sold as. */
static const struct {
	const char *field, *value;
} price_filters[] = {
	{ "operatingSystem", "Linux" },
	{ "tenancy", "Shared" },
	{ "preInstalledSw", "NA" },
	{ "capacitystatus", "Used" },
};

static void add_filter(cJSON *filters, const char *field, const char *value)
{
	cJSON *filter = cJSON_CreateObject();

	cJSON_AddStringToObject(filter, "Type", "TERM_MATCH");
	cJSON_AddStringToObject(filter, "Field", field);
	cJSON_AddStringToObject(filter, "Value", value);
	cJSON_AddItemToArray(filters, filter);
}

static char *price_body(const struct offer *offer)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *filters = cJSON_AddArrayToObject(root, "Filters");

	cJSON_AddStringToObject(root, "ServiceCode", "AmazonEC2");
	add_filter(filters, "instanceType", offer->type);
	add_filter(filters, "regionCode", offer->region);
	for (size_t i = 0; i < ARRAY_SIZE(price_filters); i++)
		add_filter(filters, price_filters[i].field, price_filters[i].value);
	cJSON_AddNumberToObject(root, "MaxResults", PRODUCTS_MAX);
	char *body = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (!body)
		out_of_memory();
	return body;
}

/* Absent is as good as right: only a field that says something else makes it another product. */
static bool attribute_is(const cJSON *product, const char *field, const char *value)
{
	const char *have = json_text(json_get(json_get(product, "product.attributes"), field));

	return !have || !strcmp(have, value);
}

static bool is_plain(const cJSON *product, const struct offer *offer)
{
	for (size_t i = 0; i < ARRAY_SIZE(price_filters); i++)
		if (!attribute_is(product, price_filters[i].field, price_filters[i].value))
			return false;
	return attribute_is(product, "instanceType", offer->type) &&
	       attribute_is(product, "regionCode", offer->region) &&
	       attribute_is(product, "marketoption", "OnDemand");
}

/* terms.OnDemand.*.priceDimensions.*.pricePerUnit.USD, by the hour, above zero. */
static int64_t product_price(const cJSON *product)
{
	const cJSON *term = json_first(json_get(product, "terms.OnDemand"));

	for (; term; term = json_next(term)) {
		const cJSON *dim = json_first(json_get(term, "priceDimensions"));
		for (; dim; dim = json_next(dim)) {
			const char *unit = json_text(json_get(dim, "unit"));
			const char *usd = json_text(json_get(dim, "pricePerUnit.USD"));
			int64_t micros;
			struct error bad;
			if (unit && strcmp(unit, "Hrs"))
				continue;
			if (usd && !money_parse(usd, "USD", &micros, &bad) && micros > 0)
				return micros;
		}
	}
	return MONEY_UNKNOWN;
}

static int64_t reply_price(const struct json *reply, const struct offer *offer)
{
	const cJSON *list = json_get(reply->root, "PriceList");

	for (size_t i = 0; list && i < json_len(list) && i < PRODUCTS_MAX; i++) {
		const char *text = json_text(json_at(list, i));
		struct json product;
		struct error bad;
		if (!text || json_parse(text, strlen(text), "a product", &product, &bad))
			continue;
		int64_t micros = MONEY_UNKNOWN;
		if (is_plain(product.root, offer))
			micros = product_price(product.root);
		json_release(&product);
		if (micros != MONEY_UNKNOWN)
			return micros;
	}
	return MONEY_UNKNOWN;
}

static void use_builtin(struct offer *offer)
{
	int64_t micros, as_of;

	if (aws_builtin_price(offer->region, offer->type, &micros, &as_of))
		return;
	offer->on_demand = micros;
	offer->on_demand_as_of = as_of;
	offer->on_demand_builtin = true;
}

/* *ret_answered: how many of them got any answer. */
static int ask(struct provider *p, struct offer **offers, size_t n, size_t *ret_answered,
	       struct error *err)
{
	struct aws_call calls[PRICES_AT_ONCE] = { 0 };
	struct aws_call *sent[PRICES_AT_ONCE];
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		char *body = price_body(offers[i]);
		aws_call_json(&calls[i], p, "pricing", offers[i]->region,
			      "AWSPriceListService.GetProducts", body);
		cJSON_free(body);
		calls[i].max_attempts = 2;
		sent[i] = &calls[i];
	}
	aws_send_all(p, sent, n);
	for (size_t i = 0; i < n; i++) {
		struct offer *offer = offers[i];
		if (calls[i].rc == 0) {
			++*ret_answered;
			offer->on_demand = reply_price(&calls[i].json, offer);
			offer->on_demand_as_of = clock_now(p->env.clock);
		} else if (calls[i].err.kind == ERROR_CANCELLED) {
			*err = calls[i].err;
			rc = -1;
		} else {
			log_info("aws", "no price of %s in %s: %s", offer->type, offer->region,
				 calls[i].err.message);
		}
		if (offer->on_demand == MONEY_UNKNOWN)
			use_builtin(offer);
		aws_call_release(&calls[i]);
	}
	return rc;
}

int ec2_prices(struct provider *p, struct offer **offers, size_t n, struct error *err)
{
	bool silent = false; /* a whole round without an answer: it is not there */

	for (size_t i = 0; i < n; i += PRICES_AT_ONCE) {
		size_t nr = n - i < PRICES_AT_ONCE ? n - i : PRICES_AT_ONCE;
		size_t answered = 0;
		for (size_t j = 0; silent && j < nr; j++)
			use_builtin(offers[i + j]);
		if (silent)
			continue;
		if (ask(p, offers + i, nr, &answered, err))
			return -1;
		silent = answered == 0;
	}
	return 0;
}
