-- Why: the oldest lists of a platform that has too many are found in an index alone.

create index search_lists_of_platform on search_lists (merchant_id, platform_id, expires_at desc, token);
