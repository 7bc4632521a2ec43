/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean made of prepared replies (tests/unit/cloud_fake.h), and words to make them of. */
#ifndef GPUCLOUD_TESTS_DIGITALOCEAN_FAKE_H
#define GPUCLOUD_TESTS_DIGITALOCEAN_FAKE_H

#include "providers/digitalocean/digitalocean.h"
#include "tests/unit/cloud_fake.h"

#define DF_TOKEN    "dop_v1_very-secret-token"
#define DF_URL	    "https://api.digitalocean.com/v2"
#define DF_LAUNCH   "abcdefghijklmnopqrstuvwx23"
#define DF_OTHER    "zyxwvutsrqponmlkjihgfedc76"
#define DF_ATTEMPT  DF_LAUNCH "-1"
#define DF_FIREWALL "gpucloud.me." DF_LAUNCH ".nyc2"
#define DF_UUID	    "bb4b2611-3d72-467b-8602-280330ecd65c"
#define DF_UUID2    "cc4b2611-3d72-467b-8602-280330ecd65c"
#define DF_PRINT    "0f:a2:0a:d7:38:3e:65:45:08:6b:63:84:1c:ff:dc:ba"
#define DF_LOGIN \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@here"

#define DF_TAGS                                                          \
	"\"gpucloud-launch:" DF_LAUNCH "\",\"gpucloud-token:" DF_ATTEMPT \
	"\",\"gpucloud-owner:me\",\"gpucloud-launch-owner:me:" DF_LAUNCH \
	"\",\"gpucloud-name:train\",\"gpucloud-launch-name:train:" DF_LAUNCH "\""
#define DF_DROPLET_AT(id, status, region, tags, more)                                         \
	"{\"id\":" id ",\"name\":\"train\",\"status\":\"" status                              \
	"\",\"size_slug\":\"gpu-h100x1-80gb\",\"size\":{\"price_hourly\":3.390000104904175}," \
	"\"region\":{\"slug\":\"" region "\"},\"created_at\":\"2026-01-01T00:00:00Z\","       \
	"\"networks\":{\"v4\":[{\"ip_address\":\"10.0.0.4\",\"type\":\"private\"},"           \
	"{\"ip_address\":\"203.0.113.9\",\"type\":\"public\"}],\"v6\":[]},"                   \
	"\"image\":{\"id\":166407044,\"slug\":\"gpu-h100x1-base\"},\"tags\":[" tags "]" more "}"
#define DF_DROPLET(id, status, tags) DF_DROPLET_AT(id, status, "nyc2", tags, "")
#define DF_LIST(member, items)	     "{\"" member "\":[" items "],\"links\":{},\"meta\":{}}"
#define DF_NO_DROPLETS		     DF_LIST("droplets", "")
#define DF_ERROR(id, message)	     "{\"id\":\"" id "\",\"message\":\"" message "\"}"
#define DF_REFUSED(message)	     DF_ERROR("unprocessable_entity", message)
#define DF_NOT_FOUND		     DF_ERROR("not_found", "The resource was not found.")

/* As a test's setup: the token is in the environment, region nyc2 in force. */
int digitalocean_fake_setup(void **state);

#endif
