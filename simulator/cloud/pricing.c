/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GetProducts for AmazonEC2, in the nesting of the real price list: strings of JSON, prices below
 * terms.OnDemand.<offer>.priceDimensions.<rate>. Three products per type and region, as there are
 * on AWS: only capacitystatus "Used" is the price of running one. Where the market knows no
 * on-demand price, there is no product.
 * https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/timefmt.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/places.h"
#include "simulator/cloud/service.h"
#include "simulator/cloud/types.h"

#define OFFER	    "JRTCKXETXF" /* AWS's code of the on-demand offer */
#define RATE	    "6YS6EN2CT7" /* and of its hourly rate */
#define FILTERS_MAX 50
#define VALUE_MAX   1024

static const char *const statuses[] = { "Used", "AllocatedCapacityReservation",
					"UnusedCapacityReservation" };

static const struct {
	const char *region, *location, *prefix;
} locations[] = {
	{ "af-south-1", "Africa (Cape Town)", "AFS1-" },
	{ "ap-northeast-1", "Asia Pacific (Tokyo)", "APN1-" },
	{ "ap-northeast-2", "Asia Pacific (Seoul)", "APN2-" },
	{ "ap-northeast-3", "Asia Pacific (Osaka)", "APN3-" },
	{ "ap-south-1", "Asia Pacific (Mumbai)", "APS3-" },
	{ "ap-southeast-1", "Asia Pacific (Singapore)", "APS1-" },
	{ "ap-southeast-2", "Asia Pacific (Sydney)", "APS2-" },
	{ "ca-central-1", "Canada (Central)", "CAN1-" },
	{ "eu-central-1", "EU (Frankfurt)", "EUC1-" },
	{ "eu-north-1", "EU (Stockholm)", "EUN1-" },
	{ "eu-west-1", "EU (Ireland)", "EUW1-" },
	{ "eu-west-2", "EU (London)", "EUW2-" },
	{ "eu-west-3", "EU (Paris)", "EUW3-" },
	{ "sa-east-1", "South America (Sao Paulo)", "SAE1-" },
	{ "us-east-1", "US East (N. Virginia)", "" },
	{ "us-east-2", "US East (Ohio)", "USE2-" },
	{ "us-west-1", "US West (N. California)", "USW1-" },
	{ "us-west-2", "US West (Oregon)", "USW2-" },
};

struct product {
	const struct type_spec *type;
	const struct place_region *region;
	const char *status;
	int64_t on_demand;
	int64_t now;
};

static cJSON *attributes(const struct product *product)
{
	cJSON *node = cJSON_CreateObject();
	const char *location = product->region->name, *prefix = "";
	char text[80];

	for (size_t i = 0; i < ARRAY_SIZE(locations); i++) {
		if (strcmp(locations[i].region, product->region->name) == 0) {
			location = locations[i].location;
			prefix = locations[i].prefix;
		}
	}
	cJSON_AddStringToObject(node, "servicecode", "AmazonEC2");
	cJSON_AddStringToObject(node, "servicename", "Amazon Elastic Compute Cloud");
	cJSON_AddStringToObject(node, "location", location);
	cJSON_AddStringToObject(node, "locationType", "AWS Region");
	cJSON_AddStringToObject(node, "regionCode", product->region->name);
	cJSON_AddStringToObject(node, "instanceType", product->type->name);
	cJSON_AddStringToObject(node, "currentGeneration", product->type->old ? "No" : "Yes");
	cJSON_AddStringToObject(node, "instanceFamily",
				product->type->gpu ? "GPU instance" : "General purpose");
	snprintf(text, sizeof(text), "%u", product->type->vcpus);
	cJSON_AddStringToObject(node, "vcpu", text);
	snprintf(text, sizeof(text), "%g GiB", product->type->mem_mib / 1024.0);
	cJSON_AddStringToObject(node, "memory", text);
	if (product->type->gpus > 0) {
		snprintf(text, sizeof(text), "%u", product->type->gpus);
		cJSON_AddStringToObject(node, "gpu", text);
	}
	cJSON_AddStringToObject(node, "operatingSystem", "Linux");
	cJSON_AddStringToObject(node, "tenancy", "Shared");
	cJSON_AddStringToObject(node, "preInstalledSw", "NA");
	cJSON_AddStringToObject(node, "licenseModel", "No License required");
	cJSON_AddStringToObject(node, "marketoption", "OnDemand");
	cJSON_AddStringToObject(node, "operation", "RunInstances");
	cJSON_AddStringToObject(node, "capacitystatus", product->status);
	snprintf(text, sizeof(text), "%s%s:%s", prefix,
		 strcmp(product->status, "Used") == 0 ? "BoxUsage" : "Reservation",
		 product->type->name);
	cJSON_AddStringToObject(node, "usagetype", text);
	return node;
}

static void sku_of(const struct product *product, char sku[17])
{
	unsigned char hash[SHA256_LEN];
	struct buf text = BUF_INIT, code = BUF_INIT;

	buf_addf(&text, "%s/%s/%s", product->type->name, product->region->name, product->status);
	sha256(text.data, text.len, hash);
	base32_encode(&code, hash, 10);
	for (size_t i = 0; i < 16; i++) {
		char c = code.data[i];

		sku[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	sku[16] = '\0';
	buf_release(&text);
	buf_release(&code);
}

static cJSON *terms(const struct product *product, const char *sku)
{
	cJSON *node = cJSON_CreateObject(), *offer, *rate, *unit;
	char key[64], usd[MONEY_TEXT_MAX], text[160], date[TIME_TEXT_MAX];
	bool free_of_charge = strcmp(product->status, "AllocatedCapacityReservation") == 0;

	money_format(usd, free_of_charge ? 0 : product->on_demand, 6);
	snprintf(key, sizeof(key), "%s.%s", sku, OFFER);
	offer = cJSON_AddObjectToObject(cJSON_AddObjectToObject(node, "OnDemand"), key);
	cJSON_AddStringToObject(offer, "sku", sku);
	cJSON_AddStringToObject(offer, "offerTermCode", OFFER);
	cJSON_AddStringToObject(offer, "effectiveDate", time_format(date, product->now));
	cJSON_AddObjectToObject(offer, "termAttributes");
	snprintf(key, sizeof(key), "%s.%s.%s", sku, OFFER, RATE);
	rate = cJSON_AddObjectToObject(cJSON_AddObjectToObject(offer, "priceDimensions"), key);
	cJSON_AddStringToObject(rate, "rateCode", key);
	cJSON_AddStringToObject(rate, "unit", "Hrs");
	cJSON_AddStringToObject(rate, "beginRange", "0");
	cJSON_AddStringToObject(rate, "endRange", "Inf");
	snprintf(text, sizeof(text), "$%s per On Demand Linux %s Instance Hour (simulated)", usd,
		 product->type->name);
	cJSON_AddStringToObject(rate, "description", text);
	cJSON_AddArrayToObject(rate, "appliesTo");
	unit = cJSON_AddObjectToObject(rate, "pricePerUnit");
	snprintf(text, sizeof(text), "%s0000", usd); /* the list gives ten decimals */
	cJSON_AddStringToObject(unit, "USD", text);
	return node;
}

/* Takes attrs. The string as it stands in PriceList. */
static cJSON *list_item(const struct product *product, cJSON *attrs)
{
	cJSON *root = cJSON_CreateObject(), *node, *item;
	char sku[17], date[TIME_TEXT_MAX], *text;

	sku_of(product, sku);
	node = cJSON_AddObjectToObject(root, "product");
	cJSON_AddStringToObject(node, "productFamily", "Compute Instance");
	cJSON_AddItemToObject(node, "attributes", attrs);
	cJSON_AddStringToObject(node, "sku", sku);
	cJSON_AddStringToObject(root, "serviceCode", "AmazonEC2");
	cJSON_AddItemToObject(root, "terms", terms(product, sku));
	cJSON_AddStringToObject(root, "version", "20200101000000");
	cJSON_AddStringToObject(root, "publicationDate", time_format(date, product->now));
	text = cJSON_PrintUnformatted(root);
	if (!text)
		out_of_memory();
	item = cJSON_CreateString(text);
	cJSON_free(text);
	cJSON_Delete(root);
	return item;
}

/* False also for attributes that the product does not have. */
static bool matches(const cJSON *attrs, const cJSON *filters)
{
	for (size_t i = 0; i < json_len(filters); i++) {
		const cJSON *filter = json_at(filters, i);
		const char *field = json_text(json_get(filter, "Field"));
		const char *value = json_text(json_get(filter, "Value"));
		const cJSON *attr = cJSON_GetObjectItemCaseSensitive(attrs, field);

		if (strcmp(field, "ServiceCode") == 0)
			attr = cJSON_GetObjectItemCaseSensitive(attrs, "servicecode");
		if (strcmp(field, "productFamily") == 0 && strcmp(value, "Compute Instance") == 0)
			continue;
		if (!attr || strcmp(attr->valuestring, value) != 0)
			return false;
	}
	return true;
}

static int check_filters(const cJSON *filters, struct cloud_reply *reply)
{
	static const char *const known[] = { "Type", "Field", "Value", NULL };

	if (filters && (!cJSON_IsArray(filters) || json_len(filters) > FILTERS_MAX)) {
		json_error(reply, 400, "InvalidParameterException", "Filters: at most %d filters",
			   FILTERS_MAX);
		return -1;
	}
	for (size_t i = 0; filters && i < json_len(filters); i++) {
		const cJSON *filter = json_at(filters, i);
		const char *type;

		if (!cJSON_IsObject(filter)) {
			json_error(reply, 400, "InvalidParameterException",
				   "Filters: expected an object");
			return -1;
		}
		if (json_known(filter, known, reply))
			return -1;
		type = json_member(filter, "Type", 32, true, reply);
		if (!type || !json_member(filter, "Field", VALUE_MAX, true, reply) ||
		    !json_member(filter, "Value", VALUE_MAX, true, reply))
			return -1;
		/* AWS knows more kinds by now; the simulator only the one everybody uses. */
		if (strcmp(type, "TERM_MATCH") != 0) {
			json_error(reply, 400, "InvalidParameterException",
				   "The simulator does not know the filter type '%s'", type);
			return -1;
		}
	}
	return 0;
}

struct page {
	const cJSON *filters;
	cJSON *list;
	size_t from, max, seen;
};

/* By the two filters that leave one of a thousand: without writing down what all the others are. */
static bool ruled_out(const struct product *product, const cJSON *filters)
{
	for (size_t i = 0; i < json_len(filters); i++) {
		const char *field = json_text(json_get(json_at(filters, i), "Field"));
		const char *value = json_text(json_get(json_at(filters, i), "Value"));

		if ((strcmp(field, "instanceType") == 0 &&
		     strcmp(value, product->type->name) != 0) ||
		    (strcmp(field, "regionCode") == 0 && strcmp(value, product->region->name) != 0))
			return true;
	}
	return false;
}

/* True when the page is full and more follows. */
static bool add(struct page *page, const struct product *product)
{
	cJSON *attrs;

	if (ruled_out(product, page->filters))
		return false;
	attrs = attributes(product);
	if (!matches(attrs, page->filters) || page->seen++ < page->from) {
		cJSON_Delete(attrs);
		return false;
	}
	if (page->seen - page->from > page->max) {
		cJSON_Delete(attrs);
		return true;
	}
	cJSON_AddItemToArray(page->list, list_item(product, attrs));
	return false;
}

static bool add_all(const struct sim_call *call, struct page *page)
{
	size_t nr_types, nr_regions;
	const struct type_spec *types = type_specs(&nr_types);
	const struct place_region *regions = place_regions(&nr_regions);

	for (size_t i = 0; i < nr_types * nr_regions; i++) {
		struct product product = { .type = &types[i / nr_regions],
					   .region = &regions[i % nr_regions],
					   .now = call->clock_ms / 1000 };

		product.on_demand = market_on_demand(cloud_market(call->cloud), product.type->name,
						     product.region->name);
		for (size_t s = 0; product.on_demand > 0 && s < ARRAY_SIZE(statuses); s++) {
			product.status = statuses[s];
			if (add(page, &product))
				return true;
		}
	}
	return false;
}

static void get_products(const struct sim_call *call, const struct cJSON *body,
			 struct cloud_reply *reply)
{
	static const char *const known[] = { "ServiceCode", "Filters",	 "FormatVersion",
					     "MaxResults",  "NextToken", NULL };
	struct page page = { .filters = json_get(body, "Filters") };
	const char *service;
	cJSON *out;
	int max;

	if (json_known(body, known, reply))
		return;
	service = json_member(body, "ServiceCode", 64, true, reply);
	if (!service || check_filters(page.filters, reply) ||
	    json_count(body, "MaxResults", 1, 100, 100, &max, reply) ||
	    json_page(body, &page.from, reply))
		return;
	if (strcmp(service, "AmazonEC2") != 0) {
		json_error(reply, 400, "NotFoundException",
			   "The simulator has no prices for service '%s'", service);
		return;
	}
	out = cJSON_CreateObject();
	cJSON_AddStringToObject(out, "FormatVersion", "aws_v1");
	page.list = cJSON_AddArrayToObject(out, "PriceList");
	page.max = (size_t)max;
	if (add_all(call, &page))
		page_token(out, page.from + page.max);
	json_reply(reply, out);
}

void pricing_handle(const struct sim_call *call, const struct cJSON *body,
		    struct cloud_reply *reply)
{
	if (strcmp(call->route->action, "GetProducts") == 0)
		get_products(call, body, reply);
	else
		json_error(reply, 400, "UnknownOperationException",
			   "The simulator does not know the operation '%s'", call->route->action);
}
