/* The release all programs of one build belong to. */
#pragma once
#define MERIDIAN_VERSION "0.1.0"
