// The page of several models: tables alone.

makeTheme(() => {});
finish();
