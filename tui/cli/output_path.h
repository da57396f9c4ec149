/* Where -o writes: over nothing that would be missed. */
#ifndef CLI_OUTPUT_PATH_H
#define CLI_OUTPUT_PATH_H

#include "cli/cli.h"

/* Refuses an -o that names the source, which is read, or a model or an adapter. source NULL: nothing is read; "-": stdin. */
enum pith_status output_path_check(struct cli *cli, const char *source);

#endif
