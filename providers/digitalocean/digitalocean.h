/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to providers/digitalocean: the handle, and what the operations share. They speak v2 of
 * DigitalOcean's API through providers/rest.h.
 *
 * Droplets carry tags, which are plain strings and things of their own: "KEY:VALUE". Those that only
 * one launch can have say so behind the value, "gpucloud-expires:1767225600:LAUNCH", so that its end
 * takes them away and nobody else's. Owner and name are there twice, "gpucloud-owner:me" and
 * "gpucloud-launch-owner:me:LAUNCH": people group by the one, but a tag that others share may be deleted
 * with the last of them, at the very moment when a droplet is being made with it.
 * Firewalls and keys have no tags; their names say whose they are: "gpucloud.OWNER.LAUNCH.REGION".
 *
 * https://docs.digitalocean.com/reference/api/
 */
#ifndef GPUCLOUD_PROVIDERS_DIGITALOCEAN_DIGITALOCEAN_H
#define GPUCLOUD_PROVIDERS_DIGITALOCEAN_DIGITALOCEAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "providers/provider.h"
#include "providers/rest.h"

struct cJSON;

#define OCEAN_TEXT_MAX	255 /* names, tags, slugs */
#define OCEAN_LABEL_MAX 63
#define OCEAN_ID_TEXT	24 /* holds an id in digits */
#define OCEAN_PER_PAGE	"200"
#define OCEAN_ID_LIMIT	(INT64_C(1) << 53)

struct provider {
	struct provider_env env;
	struct rest rest;
	struct arena arena; /* strings that live as long as the handle */
};

/* --- digitalocean_call.c: what every operation needs ----------------------------------------- */

extern const struct rest_cloud ocean_cloud;
/* digitalocean_token.c: as rest_cloud.token; ctx is the handle. */
int ocean_token(void *ctx, struct rest *rest, struct error *err);

/* In what it says of the key's rights. */
#define OCEAN_SCOPES                                                            \
	"a token with the scopes account:read, droplet, firewall, image:read, " \
	"regions:read, sizes:read, ssh_key, tag"

/* A list, page by page: item() is given every element of the array `member`. */
struct ocean_list {
	const char *const *path; /* REST_PATH(...) */
	const char *what;
	const char *member;	    /* "droplets" */
	const char *filter, *value; /* one query parameter more, or NULL */
	void *ctx;
	int (*item)(void *ctx, const struct cJSON *item, struct error *err);
};
int ocean_list(struct provider *p, const struct ocean_list *list, struct error *err);

/* A required whole number above 0: an id. */
int ocean_id(const struct cJSON *node, const char *path, int64_t *ret, struct error *err);
/* A slug, a copy in the arena; "" where it is absent or none. */
const char *ocean_slug(struct arena *arena, const struct cJSON *node, const char *path);
bool ocean_is_slug(const char *text);
/* An optional time, Unix s; 0 where it is absent or none. */
int64_t ocean_time(const struct cJSON *node, const char *path);
/* Dollars an hour, in micro-dollars; MONEY_UNKNOWN where that is no price. */
int64_t ocean_price(const struct cJSON *node, const char *path);
/* DELETE; 1 where something was there, 0 where not, -1. */
int ocean_delete(struct provider *p, const char *const *path, const char *what, const char *id,
		 struct error *err);
/* Sleeps on the handle's clock; interrupted: ERROR_CANCELLED. */
int ocean_sleep(struct provider *p, int64_t ms, struct error *err);
/* True where the cloud's own words hold this, in whatever case. */
bool ocean_says(const struct error *err, const char *words);

/* --- digitalocean_names.c: names and tags ----------------------------------------------------- */

/* What the name of a firewall or a key says. extra is "", of a key when its launch began, of a
 * firewall whose addresses it lets in. */
struct ocean_name {
	char owner[OCEAN_LABEL_MAX + 1], launch_id[OCEAN_LABEL_MAX + 1];
	char region[OCEAN_LABEL_MAX + 1], extra[OCEAN_LABEL_MAX + 1];
};
int ocean_name_write(const struct ocean_name *name, char out[OCEAN_TEXT_MAX + 1],
		     struct error *err);
bool ocean_name_read(const char *text, struct ocean_name *ret); /* false: not one of ours */
/* Of the firewall of a launch: extra is "". */
int ocean_name_of(const struct launch_request *request, struct ocean_name *ret, struct error *err);
/* Every launch id goes into names and tags: a label, else ERROR_USAGE. */
int ocean_launch_id_check(const char *launch_id, struct error *err);

#define TAG_TOKEN "gpucloud-token" /* the attempt that made it; says the launch by itself */
/* Owner and name once more, of one launch alone. */
#define TAG_OWN_OWNER "gpucloud-launch-owner"
#define TAG_OWN_NAME  "gpucloud-launch-name"

struct ocean_tag {
	char key[OCEAN_TEXT_MAX + 1], value[OCEAN_TEXT_MAX + 1];
	char launch_id[OCEAN_LABEL_MAX + 1]; /* "": several launches may share it */
	unsigned turn; /* of two values of one key the one of the later turn counts */
};
bool ocean_tag_read(const char *text, struct ocean_tag *ret); /* false: not one of ours */
/* "KEY:VALUE", ":LAUNCH" behind it where launch_id is not "", and ":TURN" where that is not 0.
 * ERROR_USAGE where it cannot be a tag. */
int ocean_tag_write(const struct ocean_tag *tag, char out[OCEAN_TEXT_MAX + 1], struct error *err);
/* TAG_OWN_OWNER or TAG_OWN_NAME: what it says is not told twice. */
bool ocean_tag_is_copy(const struct ocean_tag *tag);
/* The same from its parts; launch_id may be NULL: shared. */
int ocean_tag_make_name(const char *key, const char *value, const char *launch_id,
			char out[OCEAN_TEXT_MAX + 1], struct error *err);

/* --- digitalocean_sizes.c ------------------------------------------------------------------------ */

struct ocean_size {
	const char *slug;
	const char *gpu; /* "H100"; "": it has none */
	bool nvidia;
	unsigned gpus, vcpus, disk_gib;
	uint64_t gpu_mem_mib, mem_mib;
	int64_t price;
	bool available;
	const char **regions;
	size_t nr_regions;
};
struct ocean_sizes {
	struct arena arena;
	struct ocean_size *v;
	size_t nr, cap;
};
int ocean_sizes(struct provider *p, struct ocean_sizes *ret, struct error *err);
bool ocean_size_in(const struct ocean_size *size, const char *region);
/* ERROR_CAPACITY, and where else there is one. */
int ocean_sold_out(const struct ocean_size *size, const char *region, struct error *err);
bool ocean_gpu_matches(const char *gpu, uint64_t mem_mib, unsigned count, const char *wanted);

/* --- digitalocean_instances.c --------------------------------------------------------------------- */

/* One droplet as an instance; tags are read too. */
int ocean_instance(const struct cJSON *droplet, struct arena *arena, struct instance *ret,
		   struct error *err);
/* Something is being done to it, which is not its making. */
bool ocean_is_locked(const struct cJSON *droplet, const struct instance *instance);
/* The type of an action at whose end it is off. */
bool ocean_goes_down(const char *type);
/* Of a launch, or (NULL) of any launch of ours, wherever they are. Owned by ret. */
int ocean_living(struct provider *p, const char *launch_id, struct instance_list *ret,
		 struct error *err);
/* One droplet, by its id: ERROR_NOT_FOUND. */
int ocean_droplet(struct provider *p, const char *id, struct arena *arena, struct instance *ret,
		  struct error *err);
bool ocean_is_id(const char *text);

/* --- digitalocean_key.c, digitalocean_firewall.c: what a launch makes first ------------------------ */

struct ocean_key {
	char fingerprint[64]; /* MD5, as DigitalOcean counts it: "3b:16:..." */
	char line[8192];      /* "ssh-ed25519 AAAA..." */
};
/* Reads and checks one OpenSSH line. */
int ocean_key_parse(const char *line, struct ocean_key *ret, struct error *err);
/* Registers it; one that the account has already is used as it is. id: of the key. */
int ocean_key_make(struct provider *p, const struct ocean_key *key, const char *name,
		   char ret_id[OCEAN_ID_TEXT], struct error *err);
void ocean_key_show(struct provider *p, const struct ocean_key *key, const char *name,
		    const struct launch_steps *steps);
/* One of the account's: 1, 0 for one that is not ours, or -1. */
int ocean_key_read(const struct cJSON *node, struct ocean_name *ret, char ret_id[OCEAN_ID_TEXT],
		   struct error *err);
/* 1: the account has it now; 0: not. */
int ocean_key_exists(struct provider *p, const struct ocean_key *key, struct error *err);

struct ocean_firewall {
	char id[40], name[OCEAN_TEXT_MAX + 1];
	struct ocean_name said;
	const struct cJSON *node; /* of the page: good within item() only */
};
/* 1; 0 for one that is not ours; -1 for ours with an id that is none. */
int ocean_firewall_read(const struct cJSON *node, struct ocean_firewall *ret, struct error *err);
int ocean_firewall_check(const struct launch_request *request, struct error *err);
/* The launch's firewall, with all its rules, in force for the launch's tag; made where it is not. */
int ocean_firewall_make(struct provider *p, const struct launch_request *request, char ret_id[40],
			struct error *err);
void ocean_firewall_show(struct provider *p, const struct launch_request *request,
			 const struct launch_steps *steps);
/* An object for one rule by TCP; nothing in it is borrowed. */
struct cJSON *ocean_rule(uint16_t port, const char *const *blocks, size_t nr);

/* --- digitalocean_tags.c -------------------------------------------------------------------------- */

/* Makes a tag object; one that is there is as good. */
int ocean_tag_make(struct provider *p, const char *name, struct error *err);
void ocean_tag_show(struct provider *p, const char *name, const struct launch_steps *steps);
/* Removes the tag objects of a launch, and of the shared ones those that nothing has any more. */
int ocean_tags_release(struct provider *p, const char *launch_id, unsigned *ret_removed,
		       struct error *err);

/* --- operations ----------------------------------------------------------------------------------- */

int ocean_open(const struct provider_env *env, struct provider **ret, struct error *err);
void ocean_close(struct provider *p);
int ocean_default_region(struct provider *p, const char **ret, struct error *err);
int ocean_region(struct provider *p, const char *said, const char **ret, struct error *err);
int ocean_endpoint(struct provider *p, const char *region, const char **ret, struct error *err);
int ocean_account(struct provider *p, struct account *ret, struct error *err);
int ocean_quota(struct provider *p, const char *region, const char *type, unsigned vcpus, bool spot,
		struct quota *ret, struct error *err);
int ocean_regions(struct provider *p, struct region_list *ret, struct error *err);
int ocean_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		 struct error *err);
int ocean_launch(struct provider *p, const struct launch_request *request,
		 const struct launch_steps *steps, struct launch_result *ret, struct error *err);
int ocean_instances(struct provider *p, const struct instance_query *query,
		    struct instance_list *ret, struct error *err);
int ocean_terminate(struct provider *p, const char *region, const char *id, struct error *err);
int ocean_stop(struct provider *p, const char *region, const char *id, struct error *err);
int ocean_start(struct provider *p, const char *region, const char *id, struct error *err);
int ocean_restart(struct provider *p, const char *region, const char *id, struct error *err);
int ocean_release(struct provider *p, const char *region, const char *launch_id,
		  struct release_result *ret, struct error *err);
int ocean_leftovers(struct provider *p, const struct leftover_query *query,
		    struct leftover_list *ret, struct error *err);
int ocean_remove(struct provider *p, const struct leftover *leftover, struct error *err);
int ocean_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
	      struct error *err);
int ocean_admit(struct provider *p, const struct admit_request *request, struct admit_result *ret,
		struct error *err);

extern const struct provider_ops digitalocean_provider;

#endif
