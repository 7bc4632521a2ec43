/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulated EC2 holds: private to simulator/cloud. Every thing ever made is a struct object
 * in one list, in the order of making; an ended one stays in the list, for the ledger.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_MODEL_H
#define GPUCLOUD_SIMULATOR_CLOUD_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/rng.h"
#include "simulator/cloud/cloud.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/images.h"
#include "simulator/cloud/places.h"
#include "simulator/cloud/types.h"

#define TAGS_MAX	  50
#define TAG_KEY_MAX	  128
#define TAG_VALUE_MAX	  256
#define RULES_MAX	  60
#define GROUPS_MAX	  5 /* security groups of one instance */
#define BLOCK_DEVICES_MAX 16
#define INSTANCES_MAX	  50			  /* of one RunInstances */
#define MEMORY_MS	  (INT64_C(3600) * 1000)  /* a terminated instance stays visible */
#define TOKEN_MS	  (INT64_C(86400) * 1000) /* a token is kept after the end */
#define NOTICE_MS	  (INT64_C(120) * 1000)	  /* from the notice to the interruption */
#define HORIZON_S	  INT64_C(86400)	  /* prices are looked up so far ahead */
#define IP_TEXT_MAX	  16
#define TOKEN_TEXT_MAX	  65
#define CIDR_TEXT_MAX	  64
#define NEVER_MS	  INT64_MAX
#define REST_CLOUDS_MAX	  2

enum object_kind {
	OBJECT_INSTANCE,
	OBJECT_VOLUME,
	OBJECT_INTERFACE,
	OBJECT_GROUP,
	OBJECT_KEY,
	OBJECT_SPOT_REQUEST,
	OBJECT_ADDRESS,
	OBJECT_SNAPSHOT,
	OBJECT_IMAGE,
	OBJECT_KIND_COUNT
};
const char *object_kind_name(enum object_kind kind); /* as EC2 calls it in tags: "instance" */

struct tag_set {
	struct cloud_tag *v;
	size_t nr;
};
void tags_set(struct tag_set *tags, const char *key, const char *value);
bool tags_drop(struct tag_set *tags, const char *key);
const char *tags_get(const struct tag_set *tags, const char *key);
void tags_copy(struct tag_set *to, const struct tag_set *from);
void tags_release(struct tag_set *tags);

struct object {
	enum object_kind kind;
	char id[CLOUD_ID_MAX];
	const struct place_region *region;
	const struct place_zone *zone; /* NULL: regional */
	struct tag_set tags;
	int64_t began_ms, ended_ms; /* ended 0: it lives */
	bool builtin;		    /* came with the account: not in the ledger */
	size_t index;		    /* place in the cloud's list */
};

enum { /* EC2's codes */
	STATE_PENDING = 0,
	STATE_RUNNING = 16,
	STATE_SHUTTING_DOWN = 32,
	STATE_TERMINATED = 48,
	STATE_STOPPING = 64,
	STATE_STOPPED = 80,
};
const char *state_name(int code);

struct rule {
	char protocol[8]; /* "tcp" */
	int from, to;
	char cidr[CIDR_TEXT_MAX]; /* "203.0.113.9/32" or "::/0" */
	bool ipv6;
	char id[CLOUD_ID_MAX];
	char *description; /* or NULL */
};

struct group {
	struct object base;
	char *name, *description;
	struct rule rules[RULES_MAX];
	size_t nr_rules;
};

struct key_pair {
	struct object base;
	char *name, *public_key, *fingerprint;
	bool rsa;
};

struct block_device {
	char *name; /* "/dev/sda1" */
	unsigned gib;
	char type[16];
	unsigned iops, throughput;
	bool delete_on_termination;
	bool encrypted;
};

/* A RunInstances request, checked and resolved; all in its own arena. Also kept by an open spot
 * request, which may be fulfilled later. */
struct run_spec {
	struct arena arena;
	const struct place_region *region;
	const struct place_zone *zone;
	const struct type_spec *type;
	const struct sim_image *image; /* for an image of the account's own, the one it is like */
	char image_id[SIM_IMAGE_ID_MAX];
	unsigned root_gib;
	unsigned min, max;
	const char *key_name, *token, *user_data; /* or NULL */
	struct group *groups[GROUPS_MAX];
	size_t nr_groups;
	struct block_device *disks; /* the root first */
	size_t nr_disks;
	struct tag_set tags[OBJECT_KIND_COUNT]; /* by kind; each owned by the spec */
	bool spot;
	int64_t max_price; /* micro-dollars; the on-demand price unless said */
	char interruption[16];
	bool public_ip, no_termination, terminate_on_shutdown, ebs_optimized, monitoring;
	char http_tokens[12], http_endpoint[12], http_ipv6[12], metadata_tags[12];
	int http_hops;
};

struct spot_request {
	struct object base;
	const char *state; /* open active closed cancelled failed */
	const char *code;  /* "price-too-low", "fulfilled", ... */
	char message[256];
	int64_t updated_ms;
	int64_t max_price;
	struct run_spec *spec;	   /* kept while open; NULL after */
	struct instance *instance; /* NULL until fulfilled */
	const struct type_spec *type;
	char image_id[SIM_IMAGE_ID_MAX];
	char interruption[16];
	int64_t price_due_ms; /* while open: look at the price again then */
};

struct volume {
	struct object base;
	struct instance *instance; /* NULL: available */
	struct block_device device;
	char token[TOKEN_TEXT_MAX]; /* of CreateVolume; "" */
	int64_t ready_ms;	    /* "creating" before */
	bool lingers;		    /* deleted by a request: shown as "deleting" for a while */
};

struct interface {
	struct object base;
	struct instance *instance; /* NULL: made by itself, and has what follows */
	char mac[20];
	char token[TOKEN_TEXT_MAX]; /* of CreateNetworkInterface; "" */
	char private_ip[IP_TEXT_MAX];
	char *description; /* or NULL */
	struct group *groups[GROUPS_MAX];
	size_t nr_groups;
};

struct address {
	struct object base;
	char ip[IP_TEXT_MAX];
	char association[CLOUD_ID_MAX]; /* "": with nothing */
	struct instance *instance;	/* of the association: one of the two */
	struct interface *interface;
};

struct snapshot {
	struct object base;
	char volume[CLOUD_ID_MAX];
	unsigned gib;
	bool encrypted;
	char *description;
	int64_t ready_ms; /* "pending" before */
};

/* An image of the account's own, made of an instance. */
struct image {
	struct object base;
	char *name, *description; /* description may be NULL */
	char source[CLOUD_ID_MAX];
	const struct sim_image *like; /* what that instance was made of */
	struct block_device disks[BLOCK_DEVICES_MAX];
	struct snapshot *snapshots[BLOCK_DEVICES_MAX];
	size_t nr_disks;  /* the root first */
	int64_t ready_ms; /* "pending" before */
};

struct instance {
	struct object base;
	char reservation[CLOUD_ID_MAX];
	const struct type_spec *type;
	const struct sim_image *image;
	char image_id[SIM_IMAGE_ID_MAX];
	char *key_name, *token, *user_data; /* or NULL */
	int state;
	int64_t state_due_ms; /* the state changes by itself then, or NEVER_MS */
	int64_t visible_ms;   /* described from then on */
	int64_t started_ms;   /* launchTime */
	char reason[96];      /* "User initiated (2026-...)" */
	char reason_code[64], reason_message[128];
	unsigned launch_index;
	char private_ip[IP_TEXT_MAX], public_ip[IP_TEXT_MAX];
	bool wants_public_ip;
	struct interface *interface;
	struct group *groups[GROUPS_MAX];
	size_t nr_groups;
	struct spot_request *request; /* NULL: on demand */
	int64_t max_price;
	int64_t price_due_ms;	    /* look at the price again then */
	int64_t interrupt_ms;	    /* the notice runs out then, or NEVER_MS */
	const char *interrupt_code; /* status code of the request then */
	bool no_termination, terminate_on_shutdown, ebs_optimized, monitoring;
	char http_tokens[12], http_endpoint[12], http_ipv6[12], metadata_tags[12];
	int http_hops;
};

struct token {
	char *token;
	const struct place_region *region;
	char hash[65]; /* of the request's parameters */
	char reservation[CLOUD_ID_MAX];
};

struct counter {
	char service[16], action[64];
	uint64_t count;
};

struct fault_entry {
	struct fault fault;
	char *strings[6]; /* what fault points to */
	uint64_t turns;	  /* matching requests so far */
};

struct cloud {
	struct cloud_config config;
	char *account;
	int64_t now_ms;
	int64_t due_ms; /* nothing changes by itself before */
	struct rng_seeded seeded;
	struct rng rng;
	struct object **objects;
	size_t nr_objects, cap_objects;
	struct token *tokens;
	size_t nr_tokens, cap_tokens;
	struct cloud_key **keys;
	size_t nr_keys, cap_keys;
	struct counter *counters;
	size_t nr_counters, cap_counters;
	struct fault_entry *faults;
	size_t nr_faults, cap_faults;
	unsigned quotas[CLOUD_QUOTA_COUNT][2]; /* on demand, spot */
	unsigned next_public, next_private;
	void *rest[REST_CLOUDS_MAX]; /* rest.c: of the clouds beside EC2 */
};

/* A zeroed object of size bytes, with a fresh id, in the list. zone may be NULL. */
struct object *object_new(struct cloud *cloud, enum object_kind kind, size_t size,
			  const struct place_region *region, const struct place_zone *zone);
/* Objects of a kind in a region, in order: start with prev NULL. */
struct object *object_next(const struct cloud *cloud, enum object_kind kind,
			   const struct place_region *region, const struct object *prev);
struct object *object_find(const struct cloud *cloud, enum object_kind kind,
			   const struct place_region *region, const char *id);
void object_free(struct object *object);

/* "r-0" and 16 hex digits; out has CLOUD_ID_MAX bytes. */
void cloud_new_id(struct cloud *cloud, const char *prefix, char *out);
/* The account's own, fixed by region: out has CLOUD_ID_MAX bytes. */
void vpc_id(const struct cloud *cloud, const struct place_region *region, char *out);
void subnet_id(const struct cloud *cloud, const struct place_zone *zone, char *out);

bool instance_visible(const struct cloud *cloud, const struct instance *instance);
bool instance_live(const struct instance *instance); /* not shutting down, not terminated */
/* Micro-dollars per hour billed now. */
int64_t instance_price(const struct cloud *cloud, const struct instance *instance);
int64_t spot_price(const struct cloud *cloud, const struct type_spec *type,
		   const struct place_zone *zone, int64_t t_ms); /* MONEY_UNKNOWN: no pool */
bool group_in_use(const struct cloud *cloud, const struct group *group);
/* An address of 198.18.0.0/15, where nobody can be reached; out has IP_TEXT_MAX bytes. */
void cloud_public_ip(struct cloud *cloud, char *out);
/* One of the zone's subnet. */
void cloud_private_ip(struct cloud *cloud, const struct place_region *region,
		      const struct place_zone *zone, char *out);
void address_free(struct address *address); /* takes it from what it is associated with */
/* A deleted volume is shown as "deleting" for a while. */
bool volume_visible(const struct cloud *cloud, const struct volume *volume);

/* ledger.c, fault.c: freed with the cloud. */
void cloud_keys_release(struct cloud *cloud);
void cloud_faults_release(struct cloud *cloud);
/* True when a market fault of that kind is about that pool (at any time). */
bool fault_applies(const struct fault *fault, enum fault_kind kind, const char *type,
		   const char *zone);

/* admits.c: what an instance's groups let in; v has CLOUD_ADMITS_MAX entries. */
size_t instance_admits(const struct instance *instance, struct cloud_admit *v);
/* Its rules have changed: whatever runs behind it is told. */
void group_changed(const struct cloud *cloud, const struct group *group);

/* state.c: the changes that requests and time make. */
struct instance *instance_launch(struct cloud *cloud, const struct run_spec *spec,
				 const char *reservation, unsigned index);
void instance_bind_spot(struct cloud *cloud, struct instance *instance,
			struct spot_request *request);
void instance_end(struct cloud *cloud, struct instance *instance, const char *code,
		  const char *message, const char *request_code);
void instance_booted(struct cloud *cloud, struct instance *instance);
void instance_gone(struct cloud *cloud, struct instance *instance);
void instance_stopped(struct cloud *cloud, struct instance *instance);
void instance_stop(struct cloud *cloud, struct instance *instance, const char *code,
		   const char *message);
void instance_start(struct cloud *cloud, struct instance *instance);
void spot_request_set(struct cloud *cloud, struct spot_request *request, const char *state,
		      const char *code, const char *message);
struct spot_request *spot_request_new(struct cloud *cloud, const struct run_spec *spec);
void run_spec_free(struct run_spec *spec);

/* advance.c: something may change by itself at t_ms; every price is to be looked at afresh. */
void cloud_wake(struct cloud *cloud, int64_t t_ms);
void cloud_recheck_prices(struct cloud *cloud);

#endif
