/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a cloud. One const `struct provider_ops` per cloud with designated initialisers,
 * listed by hand in registry.c. A slot is NULL exactly when its capability bit is clear; a test
 * walks the registry. Providers never print, never read argv, environ, a clock or a file by
 * themselves: everything comes in through `struct provider_env`.
 *
 * Requests borrow. Every result owns one arena, starts zeroed, is written only on success (lists
 * may carry per-region failures), and is released once. A handle belongs to one thread.
 */
#ifndef GPUCLOUD_PROVIDERS_PROVIDER_H
#define GPUCLOUD_PROVIDERS_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/money.h"
#include "core/price_point.h"

struct buf;
struct clock;
struct host;
struct http;
struct rng;
struct settings;

struct provider; /* one open cloud; each provider defines what it holds */

/* What a provider is given for its whole life; it frees none of it. */
struct provider_env {
	struct http *http;
	const struct clock *clock;
	const struct rng *rng;
	const struct settings *settings;
	const struct host *host;
	const char *home; /* the user's home folder, for ~/.aws and the like */
};

enum provider_cap {
	PROVIDER_CAP_SPOT = 1 << 0,         /* launch_request.spot; spot_history */
	PROVIDER_CAP_RESTART = 1 << 1,      /* restart */
	PROVIDER_CAP_QUOTA = 1 << 2,        /* quota */
	PROVIDER_CAP_DRY_RUN = 1 << 3,      /* launch_request.dry_run asks the cloud itself */
	PROVIDER_CAP_USER_DATA = 1 << 4,    /* launch_request.user_data */
	PROVIDER_CAP_TAGS = 1 << 5,         /* everything made is tagged; tag */
	PROVIDER_CAP_TOKEN = 1 << 6,        /* launch is idempotent by token in the cloud */
	PROVIDER_CAP_REGIONS = 1 << 7,      /* regions */
	PROVIDER_CAP_CONSOLE = 1 << 8,      /* console */
	PROVIDER_CAP_LEFTOVERS = 1 << 9,    /* leftovers, remove */
	PROVIDER_CAP_STOP = 1 << 10,        /* stop, start: a stopped instance can go on later */
	PROVIDER_CAP_STOP_SPOT = 1 << 11,   /* spot instances too */
	PROVIDER_CAP_ADMIT = 1 << 12,       /* admit: more may reach a machine than at its launch */
	PROVIDER_CAP_GUARD = 1 << 13,       /* launch_request.from, .ports: nobody else may connect;
					     * without it a machine is open to everybody */
	PROVIDER_CAP_FORGETS = 1 << 14,     /* an instance that is gone is not listed any more, not
					     * even with_gone */
	PROVIDER_CAP_STATIC_ADDRESS = 1 << 15, /* launch_request.static_address */
};

/* --- what a cloud is like: facts, told by its table ------------------------------------------- */

/* What launch_request.user_data is to it. */
enum boot_form {
	BOOT_CLOUD_INIT, /* user-data for cloud-init */
	BOOT_SCRIPT,     /* a shell script that root runs at the first boot, after sshd is up */
};

/* What a machine's time limit comes to where nobody is there to see to it. The machine's own timer
 * shuts it down at its time on every cloud; what the cloud makes of that differs. */
enum time_limit {
	TIME_LIMIT_ENDS,  /* a machine that shuts itself down is terminated */
	TIME_LIMIT_STOPS, /* it is then off, and its disk bills on; launch_request.ttl_s makes the
			   * cloud turn it off as well, and limit() moves that */
	TIME_LIMIT_NONE,  /* it is then off and bills as before: only `reap` ends it */
};

/* What an instance costs that is off. */
enum off_bills {
	OFF_BILLS_DISK, /* its disk (and a fixed address) */
	OFF_BILLS_ALL,  /* all of it, as if it ran */
};

/* The tags put on everything (DESIGN: labels, at most 63 of [a-z0-9_-]). */
#define TAG_OWNER  "gpucloud-owner"
#define TAG_NAME   "gpucloud-name"
#define TAG_LAUNCH "gpucloud-launch"
#define TAG_EXPIRES "gpucloud-expires" /* Unix seconds, digits: when it ends by itself */
#define TAG_PREFIX "gpucloud-"
#define TAG_MADE    "gpucloud-made"    /* Unix seconds, digits: when its launch began */
#define TAG_HOSTKEY "gpucloud-hostkey" /* base-32 SHA-256 of the SSH host key's blob */

/* One more tag for what a launch makes: a label each (core/text.h). */
struct tag {
	const char *key, *value;
};

/*
 * A launch of several steps tells the journal, which providers do not know. intend() returns only
 * once the intent is durable; a failure stops the launch before the call is made. request_sha256
 * is the hash of the body that will be sent ("" where the step is free and repeatable): when a
 * launch is replayed and the hash differs from the one written before, intend() fails with
 * ERROR_CONFLICT, and the caller looks the instance up instead of sending. Kinds: "key",
 * "security-group", "instance".
 */
struct launch_steps {
	void *ctx;
	int (*intend)(void *ctx, const char *kind, const char *name, const char *request_sha256,
		      struct error *err);
	int (*done)(void *ctx, const char *kind, const char *name, const char *id,
		    struct error *err);
	/* A dry run hands every request it would send here, one "Name=value" a line, secrets and
	 * user-data masked. NULL where nobody looks. */
	void (*show)(void *ctx, const char *title, const char *request);
};

/* --- places ------------------------------------------------------------------------------- */

struct region_list {
	struct arena arena;
	const char **v; /* region names, enabled ones only, sorted */
	size_t nr;
};
void region_list_release(struct region_list *list);

/* --- offers ------------------------------------------------------------------------------- */

struct zone {
	const char *name; /* "us-east-1a": private to an account */
	const char *id;   /* "use1-az6": the same for everybody; "" when the cloud did not say */
};

struct offer_query {
	const char *const *regions;
	size_t nr_regions;
	const char *type;   /* exact type, or NULL */
	const char *gpu;    /* GPU name as a person says it ("V100", "A10G", "a100"), or NULL */
	unsigned gpu_count; /* exactly so many GPUs; 0: any */
	bool all_arches;    /* false: x86_64 only */
};

struct offer {
	const char *provider, *region, *type;
	const char *gpu;     /* "NVIDIA V100" -> "V100"; "" when the type has none */
	const char *arch;    /* "x86_64" or "arm64" */
	unsigned gpu_count;
	double gpu_fraction; /* 1.0, or less for a slice of one GPU */
	unsigned vcpus;
	uint64_t gpu_mem_mib; /* of all GPUs together */
	uint64_t mem_mib;
	bool spot;            /* the type can be had as spot */
	int64_t on_demand;    /* micro-dollars per hour, Linux; MONEY_UNKNOWN */
	int64_t on_demand_as_of; /* Unix s the price was read, or the date of the built-in table */
	bool on_demand_builtin;  /* the price is from the built-in table, not from the cloud */
	const struct zone *zones;
	size_t nr_zones;
};

struct region_failure {
	const char *region;
	struct error err;
};

struct offer_list {
	struct arena arena;
	struct offer *v;
	size_t nr;
	struct region_failure *failures; /* regions that could not be asked */
	size_t nr_failures;
};
void offer_list_release(struct offer_list *list);

/* --- spot prices -------------------------------------------------------------------------- */

struct spot_query {
	const char *const *regions;
	size_t nr_regions;
	const char *const *types;
	size_t nr_types;
	const char *zone;     /* one zone, or NULL for all */
	int64_t since, until; /* Unix s; the change in force at `since` is included */
};

struct spot_series {
	const char *region, *type;
	struct zone zone;
	struct price_point *v; /* ascending, at most one per second */
	size_t nr;
};

struct spot_history {
	struct arena arena;
	struct spot_series *v; /* sorted by region, type, zone */
	size_t nr;
	struct region_failure *failures;
	size_t nr_failures;
};
void spot_history_release(struct spot_history *history);

/* --- instances ---------------------------------------------------------------------------- */

enum instance_state {
	INSTANCE_UNKNOWN = 0,
	INSTANCE_PENDING,
	INSTANCE_RUNNING,
	INSTANCE_STOPPING,
	INSTANCE_STOPPED,
	INSTANCE_ENDING,
	INSTANCE_GONE,
	INSTANCE_STATE_COUNT
};
const char *instance_state_name(enum instance_state state); /* "running", ... */

struct instance {
	const char *provider, *region;
	struct zone zone;
	const char *id;
	const char *type;
	enum instance_state state;
	const char *reason;      /* why it ended or is ending, the cloud's own words; "" */
	bool spot;
	const char *spot_request; /* id, or "" */
	const char *public_ip;   /* "" until it has one */
	const char *private_ip;
	const char *image;
	const char *key_name;
	int64_t launched;        /* Unix s */
	int64_t ended;           /* Unix s the cloud gives for the end, or the stop, or 0 */
	const char *name, *owner, *launch_id; /* from our tags; "" when absent */
	const char *token;       /* the idempotency token it was made with; "" */
	const char *hostkey;     /* from our tag; "" */
	int64_t expires;         /* from our tag, Unix s; 0 */
	const struct tag *tags;  /* those with keys of ours ("gpucloud-..."); values are hostile */
	size_t nr_tags;
	/* What the cloud itself says it costs, micro-dollars per hour; 0: it does not say. */
	int64_t price;     /* while it runs, without what follows */
	int64_t price_off; /* its disk and the like, running or not */
	/* Set by fleet/labels.c alone: the cloud keeps no tags, and this computer's journal knows
	 * nothing of it. Its policy is not known. */
	bool policy_unknown;
};
/* Value of one of them, or NULL. */
const char *instance_tag(const struct instance *instance, const char *key);

struct instance_list {
	struct arena arena;
	struct instance *v;
	size_t nr;
	struct region_failure *failures;
	size_t nr_failures;
};
void instance_list_release(struct instance_list *list);

/* All given conditions must hold. With no ids, name, launch_id or token: all that is tagged ours. */
struct instance_query {
	const char *const *regions;
	size_t nr_regions;
	const char *const *ids; /* any tags; an id that does not exist is simply missing */
	size_t nr_ids;
	const char *name, *owner, *launch_id, *token;
	bool with_gone; /* include ended ones the cloud still remembers */
};

/* --- launch ------------------------------------------------------------------------------- */

struct launch_request {
	const char *launch_id; /* names the launch and everything made for it (TAG_LAUNCH) */
	const char *token;     /* idempotency token of this attempt: one per zone and attempt */
	const char *name, *owner;
	const char *region, *zone, *type;
	const char *arch;          /* of the type, for the default image */
	bool spot;
	int64_t max_price;         /* micro-dollars per hour, > 0; 0: no cap sent */
	const char *image;         /* id, "ssm:/path", an alias, or NULL for the default */
	const char *subnet;        /* or NULL: the zone's default one */
	const char *ssh_public_key; /* one OpenSSH line, or NULL: no key */
	const uint16_t *ports;     /* opened besides SSH's */
	size_t nr_ports;
	uint16_t ssh_port;         /* 22 unless said */
	const char *const *from;   /* CIDR blocks allowed in */
	size_t nr_from;
	unsigned disk_gib;         /* root disk; 0: the image's own */
	unsigned disk_more_gib;    /* with disk_gib 0: so much more than the image's own */
	const void *user_data;     /* opaque bytes; NULL: none */
	size_t user_data_len;
	int64_t made;              /* Unix s the launch began (TAG_MADE); 0: no such tag */
	int64_t ttl_s;             /* its time limit, where the cloud keeps one too; 0: none */
	bool static_address;       /* one that stays the same over stops; billed, and released with
				    * the instance */
	const struct tag *tags;    /* besides owner, name, launch and made */
	size_t nr_tags;
	bool dry_run;              /* make nothing; ask the cloud whether it would be allowed */
};

struct launch_result {
	struct arena arena;
	struct instance instance;
	const char *image;       /* the id that was used */
	const char *image_name;  /* or "" */
};
void launch_result_release(struct launch_result *result);

/* --- account ------------------------------------------------------------------------------ */

struct account {
	struct arena arena;
	const char *id;        /* account number */
	const char *principal; /* ARN or user */
	const char *source;    /* where the credentials came from: "environment", "profile 'x'", ... */
	int64_t expires;       /* Unix s, or 0 */
	int64_t skew_ms;       /* the cloud's clock minus ours */
	const char *region;    /* the default region in force */
	const char *endpoint;
};
void account_release(struct account *account);

struct quota {
	char code[32];  /* "L-3819A6DF" */
	char name[64];  /* "All G and VT Spot Instance Requests" */
	bool known;     /* false: the cloud did not say */
	double limit;   /* in `unit` */
	char unit[16];  /* "vCPUs" */
	double need;    /* what one instance of the type needs */
};

/* --- what may be left over ---------------------------------------------------------------- */

enum leftover_kind { /* in the order in which they can be removed */
	LEFTOVER_SPOT_REQUEST,
	LEFTOVER_ADDRESS,
	LEFTOVER_INTERFACE,
	LEFTOVER_VOLUME,
	LEFTOVER_IMAGE,
	LEFTOVER_SNAPSHOT,
	LEFTOVER_SECURITY_GROUP,
	LEFTOVER_KEY,
	LEFTOVER_SCRIPT, /* a startup script */
	LEFTOVER_TAG,	 /* where tags are things of their own */
	LEFTOVER_KIND_COUNT
};
const char *leftover_kind_name(enum leftover_kind kind); /* "spot-request", "volume", ... */

/* Something besides an instance that carries our tags. */
struct leftover {
	const char *provider, *region;
	enum leftover_kind kind;
	const char *id;
	const char *launch_id, *name, *owner; /* from our tags; "" when absent */
	const char *attached; /* the instance (of a snapshot: the image) it hangs on, or "" */
	int64_t created;      /* Unix s; where the cloud does not say, from TAG_MADE; 0: unknown */
	uint64_t size_gib;    /* of disks */
	int64_t price;        /* micro-dollars per hour, about, by list price; 0: free;
				 MONEY_UNKNOWN */
};

struct leftover_list {
	struct arena arena;
	struct leftover *v; /* sorted by region, kind, id */
	size_t nr;
	struct region_failure *failures;
	size_t nr_failures;
};
void leftover_list_release(struct leftover_list *list);

struct leftover_query {
	const char *const *regions;
	size_t nr_regions;
	const char *launch_id; /* of one launch, or NULL: all that is tagged ours */
};

/* What release() removed or could not. */
struct release_result {
	unsigned spot_requests, security_groups, keys, addresses, scripts, tags; /* removed */
	unsigned left; /* still there */
};

/* --- who may reach a machine --------------------------------------------------------------- */

struct admit_request {
	const char *region, *instance;
	const char *launch_id; /* of the instance: names what its launch made */
	const char *owner;     /* a label: whose address it is, told beside the rule */
	const char *cidr;      /* one address alone: "203.0.113.7/32" */
	uint16_t port;         /* SSH's */
};

struct admit_result {
	bool added;	  /* false: it was let in already */
	unsigned removed; /* older addresses of the same owner that made room */
};

#define ADMIT_MOST 16 /* addresses an owner may have added to one launch; then the oldest goes */

struct provider_ops {
	const char *name;  /* "aws" */
	const char *title; /* "Amazon EC2" */
	unsigned caps;     /* enum provider_cap, or'ed */
	enum boot_form boot_form;
	size_t user_data_max; /* raw bytes */
	const char *login;    /* the user of its images, where the setting ssh_user does not say */
	enum time_limit time_limit;
	enum off_bills off_bills;

	/* Whether text can only be, or may be, an instance's id there ("i-0123..."): what a person
	 * types is then looked up as id first, and no instance is given such a name. */
	bool (*is_id)(const char *text);

	/* Reads settings only; no network. */
	int (*open)(const struct provider_env *env, struct provider **ret, struct error *err);
	void (*close)(struct provider *p); /* NULL is fine */

	/* The region in force when none is named; ERROR_CONFIG where there is none. */
	int (*default_region)(struct provider *p, const char **ret, struct error *err);
	/* A region as a person writes it, checked and in this cloud's one spelling ("ny2" for "East
	 * Coast (NY2)"); owned by the handle. No network: ERROR_USAGE for what can be no name. */
	int (*region)(struct provider *p, const char *said, const char **ret, struct error *err);
	/* The URL that requests for a region go to; owned by the handle. */
	int (*endpoint)(struct provider *p, const char *region, const char **ret,
			struct error *err);
	int (*account)(struct provider *p, struct account *ret, struct error *err);

	/* All that match, over the regions at once. A type that exists nowhere: an empty list. One
	 * type asked for in one region, where the cloud says that it is sold out: ERROR_CAPACITY. */
	int (*offers)(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		      struct error *err);

	/*
	 * Idempotent by request->token. steps may be NULL. Spot asked and not had: the instance is
	 * terminated and ERROR_REMOTE returned. err->unknown: it may exist all the same.
	 *
	 * Without PROVIDER_CAP_TOKEN: an instance of that token that is listed is the answer, and
	 * nothing is sent; the request that makes it is sent once, never repeated by itself. After an
	 * unknown answer the caller lists by token, waits, and lists again (fleet/launch.c).
	 */
	int (*launch)(struct provider *p, const struct launch_request *request,
		      const struct launch_steps *steps, struct launch_result *ret,
		      struct error *err);
	int (*instances)(struct provider *p, const struct instance_query *query,
			 struct instance_list *ret, struct error *err);
	/* Asks for the end; returns once accepted. An id that is gone already is success. On a cloud
	 * whose machines must be off first, each call takes the next step that is possible, without
	 * waiting; callers repeat it while the instance is listed and not INSTANCE_ENDING. */
	int (*terminate)(struct provider *p, const char *region, const char *id, struct error *err);
	/* Removes what belongs to a launch besides the instance: open spot requests, security
	 * group, key. Waits a while for dependencies. Safe to repeat. */
	int (*release)(struct provider *p, const char *region, const char *launch_id,
		       struct release_result *ret, struct error *err);

	/* There exactly where time_limit is TIME_LIMIT_STOPS: the cloud's own timer turns the instance
	 * off no earlier than `until` (Unix s, the cloud's clock). Only ever moves it to later; where
	 * the instance has none, nothing is done. */
	int (*limit)(struct provider *p, const char *region, const char *id, int64_t until,
		     struct error *err);

	/* Optional slots, each with its bit. */
	int (*regions)(struct provider *p, struct region_list *ret, struct error *err);
	int (*spot_history)(struct provider *p, const struct spot_query *query,
			    struct spot_history *ret, struct error *err);
	int (*restart)(struct provider *p, const char *region, const char *id, struct error *err);
	/* Sets one tag of an instance. */
	int (*tag)(struct provider *p, const char *region, const char *id, const struct tag *tag,
		   struct error *err);
	/* What the machine printed while it booted, as far as the cloud kept it; hostile bytes. */
	int (*console)(struct provider *p, const char *region, const char *id, struct buf *out,
		       struct error *err);
	/* Everything but instances that carries our tags, in all regions at once. */
	int (*leftovers)(struct provider *p, const struct leftover_query *query,
			 struct leftover_list *ret, struct error *err);
	/* Removes one. Gone already is success; ERROR_CONFLICT while something hangs on it. */
	int (*remove)(struct provider *p, const struct leftover *leftover, struct error *err);
	/* Ask for it; return once accepted. An instance that cannot be stopped (a one-time spot
	 * instance): ERROR_UNSUPPORTED. In that state already is success. */
	int (*stop)(struct provider *p, const char *region, const char *id, struct error *err);
	int (*start)(struct provider *p, const char *region, const char *id, struct error *err);
	int (*quota)(struct provider *p, const char *region, const char *type, unsigned vcpus,
		     bool spot, struct quota *ret, struct error *err);
	/* Lets one more address in to a machine's port, where what its launch made does not yet. Only
	 * that is ever changed: ERROR_NOT_FOUND where there is none of ours. Safe to repeat, and from
	 * several computers at once. */
	int (*admit)(struct provider *p, const struct admit_request *request,
		     struct admit_result *ret, struct error *err);
};

/* registry.c */
extern const struct provider_ops *const providers[]; /* ends with NULL */
const struct provider_ops *provider_find(const char *name); /* NULL when not built in */

#endif
