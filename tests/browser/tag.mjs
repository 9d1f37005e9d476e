/** The tag of the script. The pages of the tests are on localhost, which it leaves out unless asked. */
export const tagOf = (source, key, attributes = "async") =>
  `<script src="${source}" data-site="${key}" data-localhost="on" ${attributes}></script>`;
